package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// tally is what the streams of one load came to, while it was measured.
type tally struct {
	mutex     sync.Mutex
	latencies []float64
	open      atomic.Int64
	measured  atomic.Bool
	Chunks    int     `json:"chunks"`
	Whole     int     `json:"whole"`
	Broken    int     `json:"broken"`
	P50       float64 `json:"p50Ms"`
	P99       float64 `json:"p99Ms"`
	P999      float64 `json:"p999Ms"`
}

// stream is what one stream came to.
type stream struct {
	*tally
	begun     bool
	latencies []float64
}

// chunk takes in a piece of a stream.
func (s *stream) chunk(piece []byte) {
	if !s.begun {
		s.begun = true
		s.open.Add(1)
	}
	if at, found := sent(piece); found && s.measured.Load() {
		s.latencies = append(s.latencies, float64(time.Since(at).Microseconds())/1000)
	}
}

// add takes in a stream that is over. One that the end of the load cut counts as neither whole nor broken.
func (t *tally) add(s *stream, err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if s.begun {
		t.open.Add(-1)
	}
	t.latencies = append(t.latencies, s.latencies...)
	t.Chunks += len(s.latencies)
	switch {
	case err == nil:
		t.Whole++
	case !errors.Is(err, context.DeadlineExceeded):
		t.Broken++
		if t.Broken == 1 {
			fmt.Fprintln(os.Stderr, "a stream broke:", err)
		}
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

// mostBegun is how many streams begin in a second, so that none waits long for its first chunk and their chunks do not all
// fall together.
const mostBegun = 2000

// load keeps so many streams open, measures them for so many seconds once all have begun, and prints chunks, their time
// from the upstream to here, and how the streams ended. Before that it writes a line when it begins to measure and one
// when it ends, for whoever watches the program between; it goes on for a while so that this one has the time.
func load(one func(context.Context, *stream) error, spec string) error {
	streams, seconds, err := pair(spec)
	if err != nil {
		return err
	}
	rate := min(streams, mostBegun)
	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	var result tally
	var running sync.WaitGroup
	for i := range streams {
		running.Go(func() {
			time.Sleep(time.Duration(i) * time.Second / time.Duration(rate))
			for deadline.Err() == nil {
				this := stream{tally: &result}
				err := one(deadline, &this)
				if err != nil && deadline.Err() != nil {
					err = context.DeadlineExceeded
				}
				result.add(&this, err)
			}
		})
	}
	begun := time.Now()
	// Streams that end and begin anew are missing for a moment.
	for result.open.Load() < int64(streams)*95/100 {
		if time.Since(begun) > time.Minute {
			return fmt.Errorf("%d of %d streams began", result.open.Load(), streams)
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(time.Second)
	result.measured.Store(true)
	fmt.Println("measuring")
	time.Sleep(time.Duration(seconds) * time.Second)
	result.measured.Store(false)
	fmt.Println("measured")
	time.Sleep(250 * time.Millisecond)
	cancel()
	running.Wait()
	return result.print()
}

// sseStream reads one stream of the JSON surface; its headers and body stand in the environment.
func sseStream(url string, streams int) func(context.Context, *stream) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: streams, MaxConnsPerHost: streams}}
	body, authorization := []byte(os.Getenv("BODY")), os.Getenv("AUTHORIZATION")
	return func(ctx context.Context, this *stream) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("content-type", "application/json")
		request.Header.Set("authorization", authorization)
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			if bytes.Equal(lines.Bytes(), []byte("data: [DONE]")) {
				return nil
			}
			this.chunk(lines.Bytes())
		}
		return errors.Join(lines.Err(), io.ErrUnexpectedEOF)
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
func grpcStream(address string, streams int) (func(context.Context, *stream) error, error) {
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
	return func(ctx context.Context, this *stream) error {
		mutex.Lock()
		connection := connections[next%len(connections)]
		next++
		mutex.Unlock()
		call, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, path)
		if err != nil {
			return err
		}
		if err := errors.Join(call.SendMsg(&message), call.CloseSend()); err != nil {
			return err
		}
		for {
			var piece []byte
			if err := call.RecvMsg(&piece); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			this.chunk(piece)
		}
	}, nil
}
