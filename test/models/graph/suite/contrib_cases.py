"""Operators of com.microsoft and ai.onnx.ml, which ONNX's own suite leaves out, and a few longer graphs."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(3)
MS, ML = 'com.microsoft', 'ai.onnx.ml'


def f(*shape):
    return random.normal(size=shape).astype(np.float32)


def u8(*shape):
    return random.integers(0, 255, shape).astype(np.uint8)


def i64(high, *shape):
    return random.integers(0, high, shape).astype(np.int64)


def scalar(value, dtype=np.float32):
    return np.array(value, dtype)


def case(name, operator, domain, arrays, fixed=(), outputs=1, opset=17, **attributes):
    """`arrays` are sent (None: left out), those whose place is in `fixed` are constants."""
    names = ['' if array is None else f'i{index}' for index, array in enumerate(arrays)]
    sent = [(names[i], array) for i, array in enumerate(arrays) if array is not None and i not in fixed]
    constants = [numpy_helper.from_array(arrays[i], names[i]) for i in fixed if arrays[i] is not None]
    outs = [f'o{index}' for index in range(outputs)]
    node = helper.make_node(operator, names, outs, domain=domain, **attributes)
    return name, graph([node], sent, outs, constants, opset), [array for _, array in sent]


def graph(nodes, sent, outputs, constants=(), opset=17):
    inputs = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in sent]
    declared = [onnx.ValueInfoProto(name=name) for name in outputs]
    imports = [helper.make_opsetid('', opset), helper.make_opsetid(ML, 3), helper.make_opsetid(MS, 1)]
    made = helper.make_graph(nodes, 'g', inputs, declared, list(constants))
    return helper.make_model(made, opset_imports=imports, ir_version=8)


def all_cases():
    s, z = scalar(0.05), scalar(7, np.uint8)
    text = np.array([['a b', 'c'], ['b', 'a a'], ['c c c', 'b']], object)
    # Elementwise
    for name in ('Gelu', 'QuickGelu', 'FastGelu'):
        yield case(name, name, MS, [f(3, 4)])
    yield case('BiasGelu', 'BiasGelu', MS, [f(3, 4), f(4)], fixed=(1,))
    yield case('FastGeluBias', 'FastGelu', MS, [f(3, 4), f(4)], fixed=(1,))
    # Products
    yield case('FusedMatMul', 'FusedMatMul', MS, [f(3, 4), f(4, 5)])
    yield case('FusedMatMulTransA', 'FusedMatMul', MS, [f(4, 3), f(4, 5)], transA=1)
    yield case('FusedMatMulTransB', 'FusedMatMul', MS, [f(3, 2, 4), f(3, 5, 4)], transB=1)
    yield case('FusedMatMulTransBatch', 'FusedMatMul', MS, [f(2, 3, 4), f(3, 4, 5)], transBatchA=1)
    yield case('FusedGemm', 'FusedGemm', MS, [f(3, 4), f(4, 5), f(5)], activation='Relu')
    yield case('MatMulIntegerToFloat', 'MatMulIntegerToFloat', MS, [u8(3, 4), u8(4, 5), s, scalar(0.1), z, z, f(5)], fixed=(2, 3, 4, 5, 6))
    yield case('MatMulIntegerToFloatColumns', 'MatMulIntegerToFloat', MS, [u8(3, 4), u8(4, 5), s, np.abs(f(5))], fixed=(2, 3))
    yield case('DynamicQuantizeMatMul', 'DynamicQuantizeMatMul', MS, [f(3, 4), u8(4, 5), s, z], fixed=(1, 2, 3))
    yield case('QGemm', 'QGemm', MS, [u8(3, 4), s, z, u8(4, 5), s, z, None, s, z], fixed=(1, 2, 4, 5, 7, 8))
    yield case('MatMulNBits', 'MatMulNBits', MS, [f(3, 32), u8(4, 2, 8), f(8)], fixed=(1, 2), K=32, N=4, bits=4, block_size=16)
    yield case('MatMulNBits4', 'MatMulNBits', MS, [f(3, 32), u8(4, 2, 8), f(8)], fixed=(1, 2), K=32, N=4, bits=4, block_size=16, accuracy_level=4)
    # Images
    yield case('FusedConv', 'FusedConv', MS, [f(3, 2, 6, 6), f(4, 2, 3, 3), f(4)], fixed=(1, 2), activation='Relu')
    yield case('FusedConvSum', 'FusedConv', MS, [f(3, 2, 6, 6), f(4, 2, 3, 3), f(4), f(3, 4, 4, 4)], fixed=(1, 2), activation='Relu')
    yield case('QLinearAveragePool', 'QLinearAveragePool', MS, [u8(3, 2, 6, 6), s, z, s, z], fixed=(1, 2, 3, 4), kernel_shape=[2, 2])
    yield case('QLinearAveragePoolLast', 'QLinearAveragePool', MS, [u8(3, 6, 6, 2), s, z, s, z], fixed=(1, 2, 3, 4), kernel_shape=[2, 2], channels_last=1)
    yield case('QLinearGlobalAveragePool', 'QLinearGlobalAveragePool', MS, [u8(3, 2, 6, 6), s, z, s, z], fixed=(1, 2, 3, 4))
    # Quantised
    yield case('MsQuantize', 'QuantizeLinear', MS, [f(3, 4), s, z], fixed=(1, 2))
    yield case('MsDequantize', 'DequantizeLinear', MS, [u8(3, 4), s, z], fixed=(1, 2))
    yield case('MsDequantizeAxis', 'DequantizeLinear', MS, [u8(3, 4), np.abs(f(4)), u8(4)], fixed=(1, 2), axis=1)
    yield case('MsDequantizeRows', 'DequantizeLinear', MS, [u8(3, 4), np.abs(f(3)), u8(3)], fixed=(1, 2), axis=0)
    for name in ('QLinearAdd', 'QLinearMul'):
        yield case(name, name, MS, [u8(3, 4), s, z, u8(3, 4), s, z, s, z], fixed=(1, 2, 4, 5, 6, 7))
        yield case(name + 'Bias', name, MS, [u8(3, 4), s, z, u8(4), s, z, s, z], fixed=(1, 2, 3, 4, 5, 6, 7))
    yield case('QLinearSigmoid', 'QLinearSigmoid', MS, [u8(3, 4), s, z, s, z], fixed=(1, 2, 3, 4))
    yield case('QLinearLeakyRelu', 'QLinearLeakyRelu', MS, [u8(3, 4), s, z, s, z], fixed=(1, 2, 3, 4), alpha=0.1)
    yield case('QLinearConcat', 'QLinearConcat', MS, [s, z, u8(3, 4), s, z, u8(3, 2), s, z], fixed=(0, 1, 3, 4, 6, 7), axis=1)
    yield case('QLinearSoftmax13', 'QLinearSoftmax', MS, [u8(3, 4), s, z, scalar(1 / 256), scalar(0, np.uint8)], fixed=(1, 2, 3, 4), opset=13, axis=-1)
    yield qlinear_softmax(u8, s, z, 13, -1)
    yield qlinear_softmax(u8, s, z, 12, 1)
    # Norms
    yield case('SkipLayerNorm', 'SkipLayerNormalization', MS, [f(3, 5, 4), f(3, 5, 4), f(4), f(4), f(4)], fixed=(2, 3, 4))
    yield case('SkipLayerNormShared', 'SkipLayerNormalization', MS, [f(3, 5, 4), f(1, 5, 4), f(4)], fixed=(1, 2))
    yield case('SkipLayerNormSum', 'SkipLayerNormalization', MS, [f(3, 5, 4), f(3, 5, 4), f(4)], fixed=(2,), outputs=4)
    yield case('SkipSimplified', 'SkipSimplifiedLayerNormalization', MS, [f(3, 5, 4), f(3, 5, 4), f(4)], fixed=(2,))
    yield case('Simplified', 'SimplifiedLayerNormalization', '', [f(3, 5, 4), f(4)], fixed=(1,))
    # Attention
    yield case('MsAttention', 'Attention', MS, [f(3, 5, 8), f(8, 24), f(24)], fixed=(1, 2), num_heads=2)
    yield case('MsAttentionMask', 'Attention', MS, [f(3, 5, 8), f(8, 24), f(24), np.array([5, 3, 4], np.int32)], fixed=(1, 2), num_heads=2)
    yield case('MsAttentionMask2', 'Attention', MS, [f(3, 5, 8), f(8, 24), f(24), np.ones((3, 5), np.int32)], fixed=(1, 2), num_heads=2)
    yield case('MsAttentionBias', 'Attention', MS, [f(3, 5, 8), f(8, 24), f(24), None, None, f(1, 2, 5, 5)], fixed=(1, 2, 5), num_heads=2)
    yield case('MsAttentionPast', 'Attention', MS, [f(3, 5, 8), f(8, 24), f(24), None, f(2, 3, 2, 6, 4)], fixed=(1, 2), num_heads=2, outputs=2)
    yield case('MHA', 'MultiHeadAttention', MS, [f(3, 5, 8), f(3, 6, 8), f(3, 6, 8)], num_heads=2)
    yield case('MHAmask', 'MultiHeadAttention', MS, [f(3, 5, 8), f(3, 6, 8), f(3, 6, 8), f(24), np.ones((3, 6), np.int32)], fixed=(3,), num_heads=2)
    yield case('MHApast', 'MultiHeadAttention', MS, [f(3, 1, 8), f(3, 1, 8), f(3, 1, 8), None, None, None, f(3, 2, 6, 4), f(3, 2, 6, 4)], num_heads=2, outputs=3)
    yield case('GQA', 'GroupQueryAttention', MS, [f(3, 5, 16), f(3, 5, 8), f(3, 5, 8), None, None, np.array([4, 4, 4], np.int32), scalar(5, np.int32)], fixed=(6,), num_heads=2, kv_num_heads=1, outputs=3)
    yield case('MsRotary', 'RotaryEmbedding', MS, [f(3, 2, 5, 8), i64(9, 3, 5), f(9, 4), f(9, 4)], fixed=(2, 3))
    yield case('MsRotaryOffset', 'RotaryEmbedding', MS, [f(3, 2, 5, 8), np.array([1]), f(9, 4), f(9, 4)], fixed=(1, 2, 3))
    ids = i64(9, 3, 5).astype(np.int32)
    yield case('Embed', 'EmbedLayerNormalization', MS, [ids, ids % 2, f(9, 4), f(9, 4), f(2, 4), f(4), f(4), np.ones((3, 5), np.int32)], fixed=(2, 3, 4, 5, 6), outputs=2)
    # Text
    yield case('Tokenizer', 'Tokenizer', MS, [text], mark=0, mincharnum=1, pad_value='#', separators=[' '])
    yield words_counted(text, 0, 1)
    yield words_counted(text[:, :1].copy(), 0, 2)
    yield words_counted(np.array([['c', 'c'], ['c c c', 'c'], ['c', 'c']], object), 0, 2)
    # Tables
    table = f(3, 4)
    yield case('Scaler', 'Scaler', ML, [table], offset=[0.1] * 4, scale=[2.0] * 4)
    yield case('ScalerVector', 'Scaler', ML, [f(3)], offset=[0.1], scale=[2.0])
    for norm in ('MAX', 'L1', 'L2'):
        yield case('Normalizer' + norm, 'Normalizer', ML, [table], norm=norm)
    yield case('NormalizerVector', 'Normalizer', ML, [f(3)], norm='L2')
    yield case('Imputer', 'Imputer', ML, [table], imputed_value_floats=[1.0] * 4, replaced_value_float=0.0)
    yield case('Binarizer', 'Binarizer', ML, [table], threshold=0.5)
    yield case('FeatureVectorizer', 'FeatureVectorizer', ML, [f(3, 2), f(3, 3)], inputdimensions=[2, 3])
    yield case('OneHotEncoder', 'OneHotEncoder', ML, [i64(4, 3, 2)], cats_int64s=[0, 1, 2], zeros=1)
    yield case('LabelEncoder', 'LabelEncoder', ML, [i64(4, 3, 2)], keys_int64s=[0, 1, 2], values_floats=[3.0, 5.0, 9.0], default_float=-1.0)
    yield case('LinearRegressor', 'LinearRegressor', ML, [table], coefficients=[float(v) for v in f(4)], intercepts=[1.0])
    yield case('LinearClassifier', 'LinearClassifier', ML, [table], coefficients=[float(v) for v in f(12)], intercepts=[1.0, 2.0, 3.0], classlabels_ints=[0, 1, 2], post_transform='SOFTMAX', outputs=2)
    yield case('LinearClassifierVector', 'LinearClassifier', ML, [f(3)], coefficients=[float(v) for v in f(6)], intercepts=[1.0, 2.0], classlabels_ints=[0, 1], outputs=2)
    yield case('ArrayFeatureExtractor', 'ArrayFeatureExtractor', ML, [table, np.array([2, 0])], fixed=(1,))
    yield case('ArrayFeatureExtractorTable', 'ArrayFeatureExtractor', ML, [f(1, 6), i64(6, 3)], fixed=(0,))
    yield case('ArrayFeatureExtractorBoth', 'ArrayFeatureExtractor', ML, [f(3, 6), i64(6, 2)])
    yield case('ZipMap', 'ZipMap', ML, [f(3, 2)], classlabels_int64s=[0, 1])
    trees = dict(nodes_treeids=[0] * 3, nodes_nodeids=[0, 1, 2], nodes_featureids=[1, 0, 0], nodes_values=[0.0, 0.0, 0.0],
                 nodes_modes=['BRANCH_LEQ', 'LEAF', 'LEAF'], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0])
    targets = dict(target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[1.0, 2.0])
    yield case('TreeRegressor', 'TreeEnsembleRegressor', ML, [table], n_targets=1, **trees, **targets)
    classes = dict(class_treeids=[0, 0], class_nodeids=[1, 2], class_ids=[0, 1], class_weights=[1.0, 1.0])
    yield case('TreeClassifier', 'TreeEnsembleClassifier', ML, [table], classlabels_int64s=[0, 1], outputs=2, **trees, **classes)
    yield case('SVMRegressor', 'SVMRegressor', ML, [table], coefficients=[1.0, -1.0], support_vectors=[float(v) for v in f(8)], rho=[0.1],
               kernel_type='RBF', kernel_params=[0.5, 0.0, 3.0], n_supports=2)
    yield from resizes()
    yield from reshapes()
    yield divided_by_count()


def qlinear_softmax(u8, s, z, opset, axis):
    arrays = [u8(3, 2, 4), s, z, scalar(1 / 256), scalar(0, np.uint8)]
    names = [f'i{i}' for i in range(5)]
    node = helper.make_node('QLinearSoftmax', names, ['o'], domain=MS, axis=axis, opset=opset)
    constants = [numpy_helper.from_array(a, n) for a, n in zip(arrays[1:], names[1:])]
    return f'QLinearSoftmax of opset {opset}', graph([node], [('i0', arrays[0])], ['o'], constants), arrays[:1]


def words_counted(text, skip, longest):
    nodes = [
        helper.make_node('Tokenizer', ['x'], ['w'], domain=MS, mark=0, mincharnum=1, pad_value='#', separators=[' ']),
        helper.make_node('Flatten', ['w'], ['flat'], axis=1),
        helper.make_node(
            'TfIdfVectorizer', ['flat'], ['y'], mode='TF', min_gram_length=1, max_gram_length=longest, max_skip_count=skip,
            pool_strings=['a', 'b', 'c', 'a', 'b', 'c', 'c'], ngram_counts=[0, 3], ngram_indexes=[0, 1, 2, 3, 4],
        ),
    ]
    return f'words of {text.shape[1]} cells, up to {longest}', graph(nodes, [('x', text)], ['y']), [text]


def resizes():
    """Scale 1 along the rows must be no change, however coordinates are computed and rounded."""
    for mode in ('nearest', 'linear', 'cubic'):
        for coordinates in ('half_pixel', 'align_corners', 'asymmetric', 'pytorch_half_pixel', 'half_pixel_symmetric'):
            for rounding in ('round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil') if mode == 'nearest' else ('floor',):
                for shape, scales in (((3, 4), [1, 2]), ((3, 2, 4, 5), [1, 1, 2, 2]), ((3, 2, 4, 5), [1, 1, 2, 1])):
                    constants = [numpy_helper.from_array(np.array(scales, np.float32), 's')]
                    node = helper.make_node('Resize', ['x', '', 's'], ['y'], mode=mode, coordinate_transformation_mode=coordinates, nearest_mode=rounding)
                    x = f(*shape)
                    yield f'Resize {mode} {coordinates} {rounding}', graph([node], [('x', x)], ['y'], constants, 19), [x]


def reshapes():
    """Reads rows of [2, 3, 4] otherwise, works on what that makes, and reads it back: whichever axis the rows are on."""
    x = f(2, 3, 4)
    for target in ([-1, 4], [2, -1], [-1, 2], [3, -1], [1, -1], [-1, 6], [-1, 3, 4], [2, -1, 4], [2, 3, -1], [3, -1, 4], [4, -1, 2], [2, 3, 2, -1], [-1]):
        constants = [numpy_helper.from_array(np.array(target), 't')]
        nodes = [helper.make_node('Reshape', ['x', 't'], ['r']), helper.make_node('Softmax', ['r'], ['s'], axis=-1)]
        for back in ([-1, 3, 4], [2, -1, 4], [2, 3, -1]):
            more = constants + [numpy_helper.from_array(np.array(back), 'b')]
            yield f'Reshape {target} {back}', graph([*nodes, helper.make_node('Reshape', ['s', 'b'], ['y'])], [('x', x)], ['y'], more), [x]
    for order in ([1, 0, 2], [2, 0, 1], [0, 2, 1]):
        constants = [numpy_helper.from_array(np.array([-1, 4]), 't'), numpy_helper.from_array(np.array([2, 3, 4]), 'b')]
        nodes = [
            helper.make_node('Transpose', ['x'], ['turned'], perm=order),
            helper.make_node('Shape', ['x'], ['shape']),
            helper.make_node('Reshape', ['turned', 't'], ['one']),
            helper.make_node('Reshape', ['x', 't'], ['other']),
            helper.make_node('Add', ['one', 'other'], ['sum']),
            helper.make_node('Reshape', ['sum', 'shape'], ['y']),
        ]
        yield f'rows in two orders {order}', graph(nodes, [('x', x)], ['y'], constants), [x]


def divided_by_count():
    x = f(2, 3)
    nodes = [
        helper.make_node('Shape', ['x'], ['shape'], start=0, end=1),
        helper.make_node('Cast', ['shape'], ['count'], to=1),
        helper.make_node('Div', ['x', 'count'], ['y']),
    ]
    return 'divided by the number of rows', graph(nodes, [('x', x)], ['y']), [x]
