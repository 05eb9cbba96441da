// Scores two rows with net/http: go run main.go <scoring URI> <key> [<CA certificate>]
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

// Features of one row.
type Features []float64

// InputData takes any number of rows.
type InputData struct {
	Data []Features `json:"data"`
}

var exampleData = []Features{
	{
		0.0199132141783263, 0.0506801187398187, 0.104808689473925, 0.0700725447072635, -0.0359677812752396,
		-0.0266789028311707, -0.0249926566315915, -0.00259226199818282, 0.00371173823343597, 0.0403433716478807,
	},
	{
		-0.0127796318808497, -0.044641636506989, 0.0606183944448076, 0.0528581912385822, 0.0479653430750293,
		0.0293746718291555, -0.0176293810234174, 0.0343088588777263, 0.0702112981933102, 0.00720651632920303,
	},
}

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: go run main.go <scoring URI> <key> [<CA certificate>]")
	}
	serviceURI, authKey := os.Args[1], os.Args[2]
	client := &http.Client{}
	if len(os.Args) > 3 {
		client.Transport = trusting(os.Args[3])
	}

	body, err := json.Marshal(InputData{Data: exampleData})
	if err != nil {
		log.Fatal(err)
	}
	request, err := http.NewRequest("POST", serviceURI, bytes.NewBuffer(body))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Add("Content-Type", "application/json")
	request.Header.Add("Authorization", fmt.Sprintf("Bearer %v", authKey))

	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		log.Fatalf("%s: %s", response.Status, answer)
	}
	fmt.Println(string(answer))
}

// trusting accepts servers whose certificate the one in the PEM file has signed.
func trusting(path string) *http.Transport {
	pem, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		log.Fatalf("%s holds no certificate", path)
	}
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
}
