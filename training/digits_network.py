"""A small convolutional network for 8x8 images, in plain NumPy: forward, backward, training.

    image / 16 -> conv 3x3, 16 -> ReLU -> conv 3x3, 32 -> ReLU -> max pool 2x2 -> dense 512 -> 10

Everything is float64 and the finished weights are rounded to multiples of 1/4096. Another BLAS or CPU changes the last
bits of a sum, and training carries such a change along; the rounding takes it out again, so the model file is the same.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

WEIGHT_GRID = 4096  # a power of two, so that a rounded weight is also an exact float32


def to_grid(weights):
    return np.round(np.asarray(weights) * WEIGHT_GRID) / WEIGHT_GRID


def initial_weights(random):
    """He initialisation: [out, in, 3, 3] for the convolutions, [in, out] for the dense layer."""

    def normal(*shape, fan_in):
        return random.normal(0, np.sqrt(2 / fan_in), shape)

    return {
        "conv1": normal(16, 1, 3, 3, fan_in=9),
        "bias1": np.zeros(16),
        "conv2": normal(32, 16, 3, 3, fan_in=144),
        "bias2": np.zeros(32),
        "dense": normal(512, 10, fan_in=512),
        "bias3": np.zeros(10),
    }


def windows(x):
    """[n, c, h, w] -> [n, c, h, w, 3, 3]: what a 3x3 kernel sees at each pixel, zeros around the edge."""
    return sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), axis=(2, 3))


def convolve(x, kernels):
    return np.tensordot(windows(x), kernels, ([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2)


def forward(weights, images):
    """[n, 8, 8] with pixels 0..16 -> probabilities [n, 10], and what backward() needs of the way there."""
    pixels = images[:, None] / 16
    hidden1 = np.maximum(convolve(pixels, weights["conv1"]) + weights["bias1"][:, None, None], 0)
    hidden2 = np.maximum(convolve(hidden1, weights["conv2"]) + weights["bias2"][:, None, None], 0)
    pooled = hidden2.reshape(-1, 32, 4, 2, 4, 2).max(axis=(3, 5))
    logits = pooled.reshape(-1, 512) @ weights["dense"] + weights["bias3"]
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True), (pixels, hidden1, hidden2, pooled)


def backward(weights, layers, d_logits):
    """Gradients of the mean cross-entropy; d_logits is (probabilities - one-hot labels) / n."""
    pixels, hidden1, hidden2, pooled = layers
    d_pooled = (d_logits @ weights["dense"].T).reshape(pooled.shape)
    # The gradient goes back to the maximum of each 2x2 block, in equal parts where several pixels are the maximum
    # (blank corners), and stops where the ReLU was shut.
    blocks = hidden2.reshape(-1, 32, 4, 2, 4, 2)
    is_maximum = blocks == pooled[:, :, :, None, :, None]
    share = is_maximum / is_maximum.sum(axis=(3, 5), keepdims=True)
    d_hidden2 = (d_pooled[:, :, :, None, :, None] * share).reshape(hidden2.shape) * (hidden2 > 0)
    # Through a convolution the gradient is a convolution with the kernels turned by 180 degrees.
    turned = weights["conv2"].transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    d_hidden1 = convolve(d_hidden2, turned) * (hidden1 > 0)
    over_pixels = ([0, 2, 3], [0, 2, 3])
    return {
        "conv1": np.tensordot(d_hidden1, windows(pixels), over_pixels),
        "bias1": d_hidden1.sum(axis=(0, 2, 3)),
        "conv2": np.tensordot(d_hidden2, windows(hidden1), over_pixels),
        "bias2": d_hidden2.sum(axis=(0, 2, 3)),
        "dense": pooled.reshape(-1, 512).T @ d_logits,
        "bias3": d_logits.sum(axis=0),
    }


def train(images, labels, seed=0, epochs=20, batch_size=32, learning_rate=0.05, momentum=0.9):
    """Stochastic gradient descent, the learning rate falling to zero along a cosine."""
    random = np.random.default_rng(seed)
    weights = initial_weights(random)
    velocity = {name: np.zeros_like(value) for name, value in weights.items()}
    one_hot = np.eye(10)[labels]
    for epoch in range(epochs):
        rate = learning_rate * (1 + np.cos(np.pi * epoch / epochs)) / 2
        order = random.permutation(len(images))
        for batch in np.array_split(order, len(order) // batch_size):
            probabilities, layers = forward(weights, images[batch])
            gradients = backward(weights, layers, (probabilities - one_hot[batch]) / len(batch))
            for name, gradient in gradients.items():
                velocity[name] = momentum * velocity[name] - rate * gradient
                weights[name] += velocity[name]
    return {name: to_grid(value) for name, value in weights.items()}
