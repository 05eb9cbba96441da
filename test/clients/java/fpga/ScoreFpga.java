import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.Message;
import io.grpc.CallCredentials;
import io.grpc.CallOptions;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/**
 * Scores an image as the guide of the FPGA services says for other languages: call credentials send the bare key, over TLS.
 * There are no stubs to import, so messages are made from the schemas.
 *
 * <p>java ScoreFpga &lt;host:port&gt; &lt;key&gt; &lt;CA certificate&gt; &lt;file descriptor set&gt; &lt;image&gt;
 */
public class ScoreFpga {
  /** Adds the header that Azure Machine Learning checks. */
  static class AuthKey extends CallCredentials {
    private final String key;

    AuthKey(String key) {
      this.key = key;
    }

    @Override
    public void applyRequestMetadata(RequestInfo info, Executor executor, MetadataApplier applier) {
      Metadata headers = new Metadata();
      headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), key);
      applier.apply(headers);
    }
  }

  public static void main(String[] args) throws Exception {
    Map<String, Descriptor> types = readTypes(Path.of(args[3]));
    byte[] image = Files.readAllBytes(Path.of(args[4]));
    ManagedChannel channel =
        Grpc.newChannelBuilder(args[0], TlsChannelCredentials.newBuilder().trustManager(new File(args[2])).build())
            .build();
    try {
      Message response =
          ClientCalls.blockingUnaryCall(
              channel,
              predict(types),
              CallOptions.DEFAULT.withCallCredentials(new AuthKey(args[1])).withDeadlineAfter(20, TimeUnit.SECONDS),
              makeRequest(types, image));
      System.out.println(findScores(response));
    } catch (StatusRuntimeException failure) {
      System.err.println(failure.getStatus());
      System.exit(1);
    } finally {
      channel.shutdownNow();
    }
  }

  private static MethodDescriptor<Message, Message> predict(Map<String, Descriptor> types) {
    return MethodDescriptor.<Message, Message>newBuilder()
        .setType(MethodDescriptor.MethodType.UNARY)
        .setFullMethodName("tensorflow.serving.PredictionService/Predict")
        .setRequestMarshaller(marshaller(types.get("tensorflow.serving.PredictRequest")))
        .setResponseMarshaller(marshaller(types.get("tensorflow.serving.PredictResponse")))
        .build();
  }

  private static MethodDescriptor.Marshaller<Message> marshaller(Descriptor type) {
    return ProtoUtils.marshaller((Message) DynamicMessage.getDefaultInstance(type));
  }

  /** One image in the input "images", as a string. */
  private static Message makeRequest(Map<String, Descriptor> types, byte[] image) {
    Descriptor dim = types.get("tensorflow.TensorShapeProto").findNestedTypeByName("Dim");
    Descriptor shape = types.get("tensorflow.TensorShapeProto");
    Descriptor tensor = types.get("tensorflow.TensorProto");
    Descriptor request = types.get("tensorflow.serving.PredictRequest");
    Descriptor entry = request.findNestedTypeByName("InputsEntry");
    Message size = DynamicMessage.newBuilder(dim).setField(dim.findFieldByName("size"), 1L).build();
    Message sizes = DynamicMessage.newBuilder(shape).addRepeatedField(shape.findFieldByName("dim"), size).build();
    Message images =
        DynamicMessage.newBuilder(tensor)
            .setField(tensor.findFieldByName("dtype"), tensor.findFieldByName("dtype").getEnumType().findValueByNumber(7))
            .setField(tensor.findFieldByName("tensor_shape"), sizes)
            .addRepeatedField(tensor.findFieldByName("string_val"), com.google.protobuf.ByteString.copyFrom(image))
            .build();
    Message input =
        DynamicMessage.newBuilder(entry)
            .setField(entry.findFieldByName("key"), "images")
            .setField(entry.findFieldByName("value"), images)
            .build();
    return DynamicMessage.newBuilder(request).addRepeatedField(request.findFieldByName("inputs"), input).build();
  }

  private static Object findScores(Message response) {
    for (Object each : (List<?>) response.getField(response.getDescriptorForType().findFieldByName("outputs"))) {
      Message entry = (Message) each;
      Descriptor type = entry.getDescriptorForType();
      if (!"output_alias".equals(entry.getField(type.findFieldByName("key")))) continue;
      Message tensor = (Message) entry.getField(type.findFieldByName("value"));
      return tensor.getField(tensor.getDescriptorForType().findFieldByName("float_val"));
    }
    throw new IllegalStateException("no output_alias in " + response);
  }

  /** Message types by their full names. A file comes after those that it imports. */
  private static Map<String, Descriptor> readTypes(Path path) throws Exception {
    Map<String, FileDescriptor> files = new HashMap<>();
    Map<String, Descriptor> types = new HashMap<>();
    for (FileDescriptorProto proto : FileDescriptorSet.parseFrom(Files.readAllBytes(path)).getFileList()) {
      List<FileDescriptor> imports = new ArrayList<>();
      for (String name : proto.getDependencyList()) imports.add(files.get(name));
      FileDescriptor file = FileDescriptor.buildFrom(proto, imports.toArray(new FileDescriptor[0]));
      files.put(proto.getName(), file);
      for (Descriptor type : file.getMessageTypes()) types.put(type.getFullName(), type);
    }
    return types;
  }
}
