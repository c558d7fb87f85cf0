package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// tally is what the streams of one load came to.
type tally struct {
	mutex     sync.Mutex
	latencies []float64
	Chunks    int     `json:"chunks"`
	Whole     int     `json:"whole"`
	Broken    int     `json:"broken"`
	P50       float64 `json:"p50Ms"`
	P99       float64 `json:"p99Ms"`
	P999      float64 `json:"p999Ms"`
}

// add takes in one stream. A stream that the end of the load cut counts as neither whole nor broken.
func (t *tally) add(latencies []float64, err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.latencies = append(t.latencies, latencies...)
	t.Chunks += len(latencies)
	switch {
	case err == nil:
		t.Whole++
	case !errors.Is(err, context.DeadlineExceeded):
		t.Broken++
	}
}

func (t *tally) print() error {
	slices.Sort(t.latencies)
	at := func(share float64) float64 {
		if len(t.latencies) == 0 {
			return 0
		}
		return t.latencies[int(math.Min(float64(len(t.latencies)-1), share*float64(len(t.latencies))))]
	}
	t.P50, t.P99, t.P999 = at(0.5), at(0.99), at(0.999)
	return json.NewEncoder(os.Stdout).Encode(t)
}

// sent finds when the upstream sent a chunk, by its @nanoseconds@.
func sent(piece []byte) (time.Time, bool) {
	_, rest, found := bytes.Cut(piece, []byte("@"))
	if !found {
		return time.Time{}, false
	}
	digits, _, found := bytes.Cut(rest, []byte("@"))
	nanoseconds, err := strconv.ParseInt(string(digits), 10, 64)
	return time.Unix(0, nanoseconds), found && err == nil
}

// load keeps so many streams open for so many seconds, and prints chunks, their time from the upstream to here, and how
// the streams ended. Streams begin over one pause of a second, so that their chunks do not all fall together.
func load(one func(context.Context) ([]float64, error), spec string) error {
	streams, seconds, err := pair(spec)
	if err != nil {
		return err
	}
	deadline, cancel := context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second)
	defer cancel()
	var result tally
	var running sync.WaitGroup
	for i := range streams {
		running.Go(func() {
			time.Sleep(time.Duration(i) * time.Second / time.Duration(streams))
			for deadline.Err() == nil {
				latencies, err := one(deadline)
				if err != nil && deadline.Err() != nil {
					err = context.DeadlineExceeded
				}
				result.add(latencies, err)
			}
		})
	}
	running.Wait()
	return result.print()
}

func milliseconds(since time.Time) float64 { return float64(time.Since(since).Microseconds()) / 1000 }

// sseStream reads one stream of the JSON surface; its headers and body stand in the environment.
func sseStream(url string, streams int) func(context.Context) ([]float64, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: streams, MaxConnsPerHost: streams}}
	body, authorization := []byte(os.Getenv("BODY")), os.Getenv("AUTHORIZATION")
	return func(ctx context.Context) (latencies []float64, err error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		request.Header.Set("content-type", "application/json")
		request.Header.Set("authorization", authorization)
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			if bytes.Equal(lines.Bytes(), []byte("data: [DONE]")) {
				return latencies, nil
			}
			if at, found := sent(lines.Bytes()); found {
				latencies = append(latencies, milliseconds(at))
			}
		}
		return latencies, errors.Join(lines.Err(), io.ErrUnexpectedEOF)
	}
}

// raw passes messages as they are.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = slices.Clone(data); return nil }
func (raw) Name() string                       { return "proto" }

type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": string(b)}, nil
}
func (bearer) RequireTransportSecurity() bool { return false }

// grpcStream reads one gRPC stream; the request message is in the file MESSAGE, and a connection carries 100 streams.
func grpcStream(address string, streams int) (func(context.Context) ([]float64, error), error) {
	message, err := os.ReadFile(os.Getenv("MESSAGE"))
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(bearer(os.Getenv("AUTHORIZATION"))),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})),
	}
	connections := make([]*grpc.ClientConn, (streams+99)/100)
	for i := range connections {
		if connections[i], err = grpc.NewClient(address, options...); err != nil {
			return nil, err
		}
	}
	var mutex sync.Mutex
	next := 0
	path := os.Getenv("METHOD")
	return func(ctx context.Context) (latencies []float64, err error) {
		mutex.Lock()
		connection := connections[next%len(connections)]
		next++
		mutex.Unlock()
		stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, path)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(stream.SendMsg(&message), stream.CloseSend()); err != nil {
			return nil, err
		}
		for {
			var piece []byte
			if err := stream.RecvMsg(&piece); err == io.EOF {
				return latencies, nil
			} else if err != nil {
				return latencies, err
			}
			if at, found := sent(piece); found {
				latencies = append(latencies, milliseconds(at))
			}
		}
	}, nil
}
