// The load generator of `npm run bench -- grpc`: a closed loop over gRPC or HTTP/1.1, with the clients that Go programs use.
//
// It reads a job a line from stdin (JSON), and writes its result as a line to stdout. Requests are prepared bytes, and of an
// answer only its length is looked at, so that both protocols cost the generator what their transport costs.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
)

// Job is a closed loop: each of inFlight callers sends its next request when the last one is answered.
type Job struct {
	Protocol string            `json:"protocol"` // "grpc" or "http"
	Address  string            `json:"address"`  // host:port
	Path     string            `json:"path"`     // "/package.Service/Method", or the path of a POST
	Headers  map[string]string `json:"headers"`
	Body     string            `json:"body"` // a file
	// Connections of gRPC; HTTP/1.1 has one for each caller.
	Connections int     `json:"connections"`
	InFlight    int     `json:"inFlight"`
	RampSeconds float64 `json:"rampSeconds"`
	Seconds     float64 `json:"seconds"`
	// AnswerBytes of any other length are failures; 0: any.
	AnswerBytes int `json:"answerBytes"`
}

// Result of a job. A job of no seconds sends one request, and gives its answer.
type Result struct {
	Requests              int         `json:"requests"`
	Failures              int         `json:"failures"`
	RequestsPerSecond     float64     `json:"requestsPerSecond"`
	LatencyMs             []float64   `json:"latencyMs"`
	GeneratorMicroseconds float64     `json:"generatorCpuMicroseconds"`
	Answer                []byte      `json:"answer,omitempty"`
	AnswerHeaders         http.Header `json:"answerHeaders,omitempty"`
	Error                 string      `json:"error,omitempty"`
}

// caller sends the request once.
type caller interface {
	call() (answer []byte, headers http.Header, err error)
	close()
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var job Job
		if err := json.Unmarshal(lines.Bytes(), &job); err != nil {
			log.Fatal(err)
		}
		result, err := job.run()
		if err != nil {
			result = &Result{Error: err.Error()}
		}
		if err := answers.Encode(result); err != nil {
			log.Fatal(err)
		}
	}
}

func (job *Job) run() (*Result, error) {
	body, err := os.ReadFile(job.Body)
	if err != nil {
		return nil, err
	}
	caller, err := job.connect(body)
	if err != nil {
		return nil, err
	}
	defer caller.close()
	answer, headers, err := caller.call()
	if err != nil {
		return nil, err
	}
	if job.Seconds == 0 {
		return &Result{Requests: 1, Answer: answer, AnswerHeaders: headers}, nil
	}
	return job.load(caller), nil
}

func (job *Job) connect(body []byte) (caller, error) {
	if job.Protocol == "grpc" {
		return dial(job, body)
	}
	return newHTTPCaller(job, body)
}

func (job *Job) load(caller caller) *Result {
	runtime.GC()
	begin := time.Now().Add(seconds(job.RampSeconds))
	end := begin.Add(seconds(job.Seconds))
	latencies := make([][]float64, job.InFlight)
	failures := make([]int, job.InFlight)
	var firstFailure sync.Once
	message := ""
	var all sync.WaitGroup
	for index := range job.InFlight {
		all.Go(func() {
			for {
				sent := time.Now()
				if sent.After(end) {
					return
				}
				answer, _, err := caller.call()
				answered := time.Now()
				if answered.Before(begin) || answered.After(end) {
					continue
				}
				if err == nil && job.AnswerBytes != 0 && len(answer) != job.AnswerBytes {
					err = fmt.Errorf("%d bytes instead of %d", len(answer), job.AnswerBytes)
				}
				if err != nil {
					failures[index]++
					firstFailure.Do(func() { message = err.Error() })
					continue
				}
				latencies[index] = append(latencies[index], answered.Sub(sent).Seconds()*1000)
			}
		})
	}
	time.Sleep(time.Until(begin))
	cpuBefore := cpuMicroseconds()
	all.Wait()
	cpu := cpuMicroseconds() - cpuBefore
	result := &Result{LatencyMs: slices.Concat(latencies...), Error: message}
	for _, count := range failures {
		result.Failures += count
	}
	result.Requests = len(result.LatencyMs)
	result.RequestsPerSecond = float64(result.Requests) / job.Seconds
	result.GeneratorMicroseconds = cpu / float64(max(1, result.Requests))
	return result
}

// grpcCaller spreads its calls over its connections in turn.
type grpcCaller struct {
	connections []*grpc.ClientConn
	next        chan *grpc.ClientConn
	context     context.Context
	path        string
	body        []byte
}

func dial(job *Job, body []byte) (*grpcCaller, error) {
	caller := &grpcCaller{path: job.Path, body: body, context: metadata.NewOutgoingContext(context.Background(), metadata.New(job.Headers))}
	caller.next = make(chan *grpc.ClientConn, job.InFlight+job.Connections)
	for range job.Connections {
		connection, err := grpc.NewClient(job.Address,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(bytesCodec{}), grpc.MaxCallRecvMsgSize(1<<30)))
		if err != nil {
			return nil, err
		}
		caller.connections = append(caller.connections, connection)
	}
	// A connection is in the channel once for each of its callers.
	for index := range max(job.InFlight, job.Connections) {
		caller.next <- caller.connections[index%len(caller.connections)]
	}
	return caller, nil
}

func (caller *grpcCaller) call() ([]byte, http.Header, error) {
	connection := <-caller.next
	defer func() { caller.next <- connection }()
	var answer []byte
	err := connection.Invoke(caller.context, caller.path, caller.body, &answer)
	return answer, nil, err
}

func (caller *grpcCaller) close() {
	for _, connection := range caller.connections {
		connection.Close()
	}
}

// bytesCodec leaves messages as they are.
type bytesCodec struct{}

var _ encoding.CodecV2 = bytesCodec{}

func (bytesCodec) Marshal(message any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(message.([]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, message any) error {
	*message.(*[]byte) = data.Materialize()
	return nil
}

func (bytesCodec) Name() string { return "proto" }

type httpCaller struct {
	client http.Client
	url    string
	header http.Header
	body   []byte
}

func newHTTPCaller(job *Job, body []byte) (*httpCaller, error) {
	header := http.Header{}
	for name, value := range job.Headers {
		header.Set(name, value)
	}
	transport := &http.Transport{
		MaxIdleConnsPerHost: job.InFlight,
		MaxConnsPerHost:     job.InFlight,
		DisableCompression:  true,
	}
	return &httpCaller{http.Client{Transport: transport}, "http://" + job.Address + job.Path, header, body}, nil
}

func (caller *httpCaller) call() ([]byte, http.Header, error) {
	request, err := http.NewRequest(http.MethodPost, caller.url, bytes.NewReader(caller.body))
	if err != nil {
		return nil, nil, err
	}
	request.Header = caller.header
	response, err := caller.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.300s", response.StatusCode, answer)
	}
	return answer, response.Header, err
}

func (caller *httpCaller) close() { caller.client.CloseIdleConnections() }

func seconds(count float64) time.Duration { return time.Duration(count * float64(time.Second)) }

func cpuMicroseconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Sec+usage.Stime.Sec)*1e6 + float64(usage.Utime.Usec+usage.Stime.Usec)
}
