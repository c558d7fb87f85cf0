// Command floor is what a Go team would begin with, and nothing on top of it: bare proxies to measure a gateway against;
// and the paced streams, and their readers, of such a measurement.
//
//	floor fiber ADDRESS UPSTREAM           Fiber in, fasthttp out; request and answer parsed once each
//	floor grpc  ADDRESS UPSTREAM           grpc-go in (a Struct), net/http out (its JSON), the answer's text or chunks back
//	floor paced ADDRESS CHUNKS:INTERVAL    an upstream that streams, INTERVAL in milliseconds
//	floor read-sse  URL     STREAMS:SECONDS    BODY and AUTHORIZATION from the environment
//	floor read-grpc ADDRESS STREAMS:SECONDS    METHOD, MESSAGE (a file) and AUTHORIZATION from the environment
//
// UPSTREAM is a base URL without a path.
package main

import (
	"fmt"
	"log"
	"os"
)

func run(mode, where, what string) error {
	switch mode {
	case "fiber":
		return serveFiber(where, what)
	case "grpc":
		return serveGRPC(where, what)
	case "paced":
		return servePaced(where, what)
	}
	streams, _, err := pair(what)
	if err != nil {
		return err
	}
	switch mode {
	case "read-sse":
		return load(sseStream(where, streams), what)
	case "read-grpc":
		one, err := grpcStream(where, streams)
		if err != nil {
			return err
		}
		return load(one, what)
	}
	return fmt.Errorf("there is no mode %q", mode)
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: floor MODE WHERE WHAT")
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal("floor: ", err)
	}
}
