// Scores two images as the guide of the FPGA services says for Go ("SSL/TLS and Authentication"): it sends the bare key, and
// only over TLS. There are no stubs to import, so messages are made from the schemas.
//
//	SSL_CERT_FILE=cert.pem go run . <host:port> <key> <file descriptor set> <JSON of the pixels>
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

type authCreds struct {
	Key string
}

func (c *authCreds) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{
		"authorization": c.Key,
	}, nil
}

func (c *authCreds) RequireTransportSecurity() bool {
	return true
}

const predict = "/tensorflow.serving.PredictionService/Predict"

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: go run . <host:port> <key> <file descriptor set> <JSON of the pixels>")
	}
	files := readSchemas(os.Args[3])
	pixels, err := os.ReadFile(os.Args[4])
	check(err)
	var images [][8][8]float32
	check(json.Unmarshal(pixels, &images))

	conn, err := grpc.Dial(os.Args[1],
		grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(nil, "")),
		grpc.WithPerRPCCredentials(&authCreds{
			Key: os.Args[2]}))
	check(err)
	defer conn.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	response := dynamicpb.NewMessage(find(files, "tensorflow.serving.PredictResponse"))
	check(conn.Invoke(ctx, predict, makeRequest(files, images), response))

	outputs := response.Get(response.Descriptor().Fields().ByName("outputs")).Map()
	tensor := outputs.Get(protoreflect.ValueOfString("output_alias").MapKey()).Message()
	values := tensor.Get(tensor.Descriptor().Fields().ByName("float_val")).List()
	scores := make([]float32, values.Len())
	for i := range scores {
		scores[i] = float32(values.Get(i).Float())
	}
	check(json.NewEncoder(os.Stdout).Encode(scores))
}

// makeRequest puts the images into the input "images", their pixels in float_val.
func makeRequest(files *protoregistry.Files, images [][8][8]float32) proto.Message {
	tensor := dynamicpb.NewMessage(find(files, "tensorflow.TensorProto"))
	fields := tensor.Descriptor().Fields()
	tensor.Set(fields.ByName("dtype"), protoreflect.ValueOfEnum(1))
	dims := tensor.Mutable(fields.ByName("tensor_shape")).Message()
	list := dims.Mutable(dims.Descriptor().Fields().ByName("dim")).List()
	for _, size := range []int{len(images), 8, 8} {
		dim := list.AppendMutable().Message()
		dim.Set(dim.Descriptor().Fields().ByName("size"), protoreflect.ValueOfInt64(int64(size)))
	}
	pixels := tensor.Mutable(fields.ByName("float_val")).List()
	for _, image := range images {
		for _, row := range image {
			for _, pixel := range row {
				pixels.Append(protoreflect.ValueOfFloat32(pixel))
			}
		}
	}
	request := dynamicpb.NewMessage(find(files, "tensorflow.serving.PredictRequest"))
	inputs := request.Mutable(request.Descriptor().Fields().ByName("inputs")).Map()
	inputs.Set(protoreflect.ValueOfString("images").MapKey(), protoreflect.ValueOfMessage(tensor))
	return request
}

func readSchemas(path string) *protoregistry.Files {
	bytes, err := os.ReadFile(path)
	check(err)
	var set descriptorpb.FileDescriptorSet
	check(proto.Unmarshal(bytes, &set))
	files, err := protodesc.NewFiles(&set)
	check(err)
	return files
}

func find(files *protoregistry.Files, name protoreflect.FullName) protoreflect.MessageDescriptor {
	descriptor, err := files.FindDescriptorByName(name)
	check(err)
	return descriptor.(protoreflect.MessageDescriptor)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
