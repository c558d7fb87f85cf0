// Command client asks a gateway once, by stubs generated from its protos, and prints what came of it as one line of JSON.
//
//	client ADDRESS chat|stream|cancel QUESTION.json
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	llmbridgev1 "llmbridge.test/client/gen/llmbridge/v1"
)

// question is what to ask.
type question struct {
	Model     string `json:"model"`
	Content   string `json:"content"`
	MaxTokens uint32 `json:"maxTokens"`
}

// answer is what came of it; see test/clients/caller.ts.
type answer struct {
	Text             string   `json:"text"`
	Finish           string   `json:"finish"`
	PromptTokens     uint32   `json:"promptTokens"`
	CompletionTokens uint32   `json:"completionTokens"`
	Pieces           int      `json:"pieces"`
	Failure          *failure `json:"failure,omitempty"`
}

type failure struct {
	Code    string `json:"code"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address, mode, text string) error {
	var asked question
	if err := json.Unmarshal([]byte(text), &asked); err != nil {
		return err
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	client := llmbridgev1.NewChatServiceClient(connection)
	request := &llmbridgev1.ChatCompletionRequest{
		Model:     asked.Model,
		MaxTokens: &asked.MaxTokens,
		Messages:  []*llmbridgev1.Message{{Role: llmbridgev1.Role_ROLE_USER, Content: asked.Content}},
	}
	got := &answer{}
	if mode == "chat" {
		err = chat(ctx, client, request, got)
	} else {
		err = stream(ctx, client, request, got, mode == "cancel", cancel)
	}
	if err != nil {
		got.Failure = describe(err)
	}
	return json.NewEncoder(os.Stdout).Encode(got)
}

func chat(ctx context.Context, client llmbridgev1.ChatServiceClient, request *llmbridgev1.ChatCompletionRequest, got *answer) error {
	reply, err := client.ChatCompletion(ctx, request)
	if err != nil {
		return err
	}
	choice := reply.GetChoices()[0]
	got.Text = choice.GetMessage().GetContent()
	got.Finish = finish(choice.GetFinishReason())
	got.PromptTokens = reply.GetUsage().GetPromptTokens()
	got.CompletionTokens = reply.GetUsage().GetCompletionTokens()
	got.Pieces = 1
	return nil
}

func stream(ctx context.Context, client llmbridgev1.ChatServiceClient, request *llmbridgev1.ChatCompletionRequest, got *answer, stopEarly bool, cancel func()) error {
	chunks, err := client.StreamChatCompletion(ctx, request)
	if err != nil {
		return err
	}
	for {
		chunk, err := chunks.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, choice := range chunk.GetChoices() {
			if piece := choice.GetDelta().GetContent(); piece != "" {
				got.Text += piece
				got.Pieces++
			}
			if reason := choice.GetFinishReason(); reason != llmbridgev1.FinishReason_FINISH_REASON_UNSPECIFIED {
				got.Finish = finish(reason)
			}
		}
		if usage := chunk.GetUsage(); usage != nil {
			got.PromptTokens = usage.GetPromptTokens()
			got.CompletionTokens = usage.GetCompletionTokens()
		}
		if stopEarly && got.Pieces == 3 {
			cancel()
		}
	}
}

func finish(reason llmbridgev1.FinishReason) string {
	return strings.ToLower(strings.TrimPrefix(reason.String(), "FINISH_REASON_"))
}

func describe(err error) *failure {
	state := status.Convert(err)
	said := &failure{Code: strings.ToUpper(snake(state.Code())), Message: state.Message()}
	for _, detail := range state.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			said.Reason = info.GetReason()
		}
	}
	return said
}

// snake turns NotFound into Not_Found.
func snake(code codes.Code) string {
	var name strings.Builder
	for i, letter := range code.String() {
		if i > 0 && letter >= 'A' && letter <= 'Z' {
			name.WriteByte('_')
		}
		name.WriteRune(letter)
	}
	return name.String()
}
