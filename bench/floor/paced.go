package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const chunkHead = `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1780000000,"model":"gpt-4o-mini","choices":[{"index":0,"delta":`

// pair reads "40:25" as 40 and 25.
func pair(text string) (int, int, error) {
	first, second, _ := strings.Cut(text, ":")
	a, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, err
	}
	b, err := strconv.Atoi(second)
	return a, b, err
}

// servePaced answers every POST with a stream of so many chunks, one each so many milliseconds; each carries the time at
// which it was sent, as @nanoseconds@.
func servePaced(address, spec string) error {
	chunks, interval, err := pair(spec)
	if err != nil {
		return err
	}
	http.HandleFunc("/v1/models", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("content-type", "application/json")
		fmt.Fprint(w, `{"object":"list","data":[{"id":"gpt-4o-mini","object":"model","created":1780000000,"owned_by":"openai"}]}`)
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-type", "text/event-stream")
		flusher := w.(http.Flusher)
		ticker := time.NewTicker(time.Duration(interval) * time.Millisecond)
		defer ticker.Stop()
		for range chunks {
			fmt.Fprintf(w, "%s{\"content\":\"@%d@ \"},\"finish_reason\":null}]}\n\n", chunkHead, time.Now().UnixNano())
			flusher.Flush()
			select {
			case <-ticker.C:
			case <-r.Context().Done():
				return
			}
		}
		fmt.Fprintf(w, "%s{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n", chunkHead)
	})
	return http.ListenAndServe(address, nil)
}
