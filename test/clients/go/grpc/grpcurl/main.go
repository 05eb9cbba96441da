// Does what the program grpcurl does, with its library: lists the services, describes a symbol, and calls a method with JSON, all
// of which it knows from reflection alone. (The program itself takes minutes to compile, because it can speak xDS.)
//
//	go run ./grpcurl <host:port> <certificate, or nothing in clear text> <key> <symbol> <method> <JSON of the request>
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/fullstorydev/grpcurl"
	"github.com/jhump/protoreflect/grpcreflect" //lint:ignore SA1019 grpcurl takes this one
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	v1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	v1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
)

func main() {
	if len(os.Args) != 7 {
		log.Fatal("usage: go run ./grpcurl <host:port> <certificate> <key> <symbol> <method> <JSON of the request>")
	}
	address, certificate, key, symbol, method, request := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6]
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	conn := dial(ctx, address, certificate)
	defer conn.Close()

	clients := []*grpcreflect.Client{
		grpcreflect.NewClientV1Alpha(ctx, v1alpha.NewServerReflectionClient(conn)),
		grpcreflect.NewClientV1(ctx, v1.NewServerReflectionClient(conn)),
	}
	for _, client := range clients {
		describe(grpcurl.DescriptorSourceFromServer(ctx, client), symbol)
	}
	call(ctx, conn, grpcurl.DescriptorSourceFromServer(ctx, clients[1]), method, key, request)
	for _, client := range clients {
		client.Reset()
	}
}

func dial(ctx context.Context, address, certificate string) *grpc.ClientConn {
	var transport credentials.TransportCredentials
	if certificate != "" {
		var err error
		transport, err = grpcurl.ClientTransportCredentials(false, certificate, "", "")
		check(err)
	}
	conn, err := grpcurl.BlockingDial(ctx, "tcp", address, transport)
	check(err)
	return conn
}

func describe(source grpcurl.DescriptorSource, symbol string) {
	services, err := grpcurl.ListServices(source)
	check(err)
	fmt.Println(strings.Join(services, " "))
	found, err := source.FindSymbol(symbol)
	check(err)
	text, err := grpcurl.GetDescriptorText(found, source)
	check(err)
	fmt.Println(text)
}

func call(ctx context.Context, conn *grpc.ClientConn, source grpcurl.DescriptorSource, method, key, request string) {
	parser, formatter, err := grpcurl.RequestParserAndFormatter(grpcurl.FormatJSON, source, strings.NewReader(request), grpcurl.FormatOptions{})
	check(err)
	handler := &grpcurl.DefaultEventHandler{Out: os.Stdout, Formatter: formatter}
	headers := []string{"authorization: Bearer " + key}
	check(grpcurl.InvokeRPC(ctx, source, conn, method, headers, handler, parser.Next))
	check(handler.Status.Err())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
