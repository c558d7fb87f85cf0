// Command example makes one sealed call. In this folder, once `buf generate --template clients/go/buf.gen.yaml` made the stubs:
//
//	SEALING_KEY_ID=k1 SEALING_SECRET=... API_KEY=... SEALING_USER=alice \
//	  go run ./example grpc|grpc-stream|http|http-stream http://127.0.0.1:8080 MODEL "Hello"
//
// SEALING_SECRET is base64; SEALING_USER is whom the gateway takes the caller with this API_KEY for.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"llmbridge.test/sealing"
	llmbridgev1 "llmbridge.test/sealing/gen/llmbridge/v1"
	"llmbridge.test/sealing/grpcsealing"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: example grpc|grpc-stream|http|http-stream URL MODEL TEXT")
		os.Exit(64)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(surface, address, model, content string) error {
	secret, err := base64.StdEncoding.DecodeString(os.Getenv("SEALING_SECRET"))
	if err != nil {
		return err
	}
	sealer, err := sealing.NewSealer(os.Getenv("SEALING_KEY_ID"), secret, os.Getenv("SEALING_USER"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	protocol, _, stream := strings.Cut(surface, "-stream")
	if protocol == "grpc" {
		return overGRPC(ctx, sealer, address, model, content, stream)
	}
	return overHTTP(ctx, sealer, address, model, content, stream)
}

func overGRPC(ctx context.Context, sealer *sealing.Sealer, address, model, content string, stream bool) error {
	target, err := url.Parse(address)
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(target.Host,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(grpcsealing.Unary(sealer)),
		grpc.WithStreamInterceptor(grpcsealing.Stream(sealer)))
	if err != nil {
		return err
	}
	defer connection.Close()
	if key := os.Getenv("API_KEY"); key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "x-api-key", key)
	}
	client := llmbridgev1.NewChatServiceClient(connection)
	request := &llmbridgev1.ChatCompletionRequest{
		Model:    model,
		Messages: []*llmbridgev1.Message{{Role: llmbridgev1.Role_ROLE_USER, Content: content}},
	}
	if !stream {
		answer, err := client.ChatCompletion(ctx, request)
		if err != nil {
			return err
		}
		fmt.Println(answer.GetChoices()[0].GetMessage().GetContent())
		return nil
	}
	chunks, err := client.StreamChatCompletion(ctx, request)
	if err != nil {
		return err
	}
	for {
		chunk, err := chunks.Recv()
		if errors.Is(err, io.EOF) {
			fmt.Println()
			return nil
		}
		if err != nil {
			return err
		}
		for _, choice := range chunk.GetChoices() {
			fmt.Print(choice.GetDelta().GetContent())
		}
	}
}

type completion struct {
	Choices []struct {
		Message struct {
			Content string `json:"content"`
		} `json:"message"`
		Delta struct {
			Content string `json:"content"`
		} `json:"delta"`
	} `json:"choices"`
	Error *struct {
		Message string `json:"message"`
	} `json:"error"`
}

func (c *completion) failure() error {
	if c.Error == nil {
		return nil
	}
	return errors.New(c.Error.Message)
}

func overHTTP(ctx context.Context, sealer *sealing.Sealer, address, model, content string, stream bool) error {
	body, err := json.Marshal(map[string]any{
		"model":    model,
		"stream":   stream,
		"messages": []map[string]string{{"role": "user", "content": content}},
	})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if key := os.Getenv("API_KEY"); key != "" {
		request.Header.Set("X-Api-Key", key)
	}
	client := &http.Client{Transport: &sealing.Transport{Sealer: sealer}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if !stream || response.StatusCode != http.StatusOK {
		var answer completion
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			return err
		}
		if err := answer.failure(); err != nil {
			return err
		}
		fmt.Println(answer.Choices[0].Message.Content)
		return nil
	}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if !found || data == "[DONE]" {
			continue
		}
		var chunk completion
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			return err
		}
		if err := chunk.failure(); err != nil {
			return err
		}
		for _, choice := range chunk.Choices {
			fmt.Print(choice.Delta.Content)
		}
	}
	fmt.Println()
	return lines.Err()
}
