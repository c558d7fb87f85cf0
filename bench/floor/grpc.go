package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// relay turns a Struct into JSON for the upstream, and the answer's text into a Value.
type relay struct {
	url    string
	client *http.Client
}

func (r *relay) post(ctx context.Context, in *structpb.Struct) (*http.Response, error) {
	body, err := in.MarshalJSON()
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("content-type", "application/json")
	return r.client.Do(request)
}

func (r *relay) complete(ctx context.Context, in *structpb.Struct) (*structpb.Value, error) {
	response, err := r.post(ctx, in)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, err
	}
	return structpb.NewStringValue(answer.Choices[0].Message.Content), nil
}

var (
	data = []byte("data: ")
	done = []byte("[DONE]")
)

func (r *relay) stream(in *structpb.Struct, out grpc.ServerStream) error {
	response, err := r.post(out.Context(), in)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		event, found := bytes.CutPrefix(lines.Bytes(), data)
		if !found || bytes.Equal(event, done) {
			continue
		}
		var chunk struct {
			Choices []struct{ Delta struct{ Content string } }
		}
		if err := json.Unmarshal(event, &chunk); err != nil {
			return err
		}
		if len(chunk.Choices) == 0 {
			continue
		}
		if err := out.SendMsg(structpb.NewStringValue(chunk.Choices[0].Delta.Content)); err != nil {
			return err
		}
	}
	return lines.Err()
}

var service = grpc.ServiceDesc{
	ServiceName: "floor.Chat",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Complete",
		Handler: func(server any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			in := new(structpb.Struct)
			if err := decode(in); err != nil {
				return nil, err
			}
			return server.(*relay).complete(ctx, in)
		},
	}},
	Streams: []grpc.StreamDesc{{
		StreamName:    "Stream",
		ServerStreams: true,
		Handler: func(server any, stream grpc.ServerStream) error {
			in := new(structpb.Struct)
			if err := stream.RecvMsg(in); err != nil {
				return err
			}
			return server.(*relay).stream(in, stream)
		},
	}},
}

func serveGRPC(address, upstream string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16384}}
	server := grpc.NewServer(grpc.MaxConcurrentStreams(16384))
	server.RegisterService(&service, &relay{url: upstream + "/v1/chat/completions", client: client})
	return server.Serve(listener)
}
