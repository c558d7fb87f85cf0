package main

import (
	"bufio"
	"encoding/json"
	"io"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

type chatRequest struct {
	Model    string            `json:"model"`
	Stream   bool              `json:"stream"`
	Messages []json.RawMessage `json:"messages"`
}

// serveFiber answers every POST with what the upstream says to the same body.
func serveFiber(address, upstream string) error {
	app := fiber.New(fiber.Config{DisableStartupMessage: true, BodyLimit: 16 << 20})
	client := &fasthttp.Client{MaxConnsPerHost: 4096}
	streaming := &fasthttp.Client{MaxConnsPerHost: 16384, StreamResponseBody: true}
	app.Post("/*", func(c *fiber.Ctx) error {
		var body chatRequest
		if err := json.Unmarshal(c.Body(), &body); err != nil {
			return fiber.ErrBadRequest
		}
		request := fasthttp.AcquireRequest()
		defer fasthttp.ReleaseRequest(request)
		request.SetRequestURI(upstream + string(c.Request().URI().Path()))
		request.Header.SetMethod("POST")
		request.Header.SetContentType("application/json")
		request.SetBodyRaw(c.Body())
		if body.Stream {
			return relayStream(c, streaming, request)
		}
		response := fasthttp.AcquireResponse()
		defer fasthttp.ReleaseResponse(response)
		if err := client.Do(request, response); err != nil {
			return fiber.ErrBadGateway
		}
		var answer map[string]json.RawMessage
		if err := json.Unmarshal(response.Body(), &answer); err != nil {
			return fiber.ErrBadGateway
		}
		c.Set("content-type", "application/json")
		return c.Send(response.Body())
	})
	return app.Listen(address)
}

// relayStream passes the bytes on as they come, unparsed.
func relayStream(c *fiber.Ctx, client *fasthttp.Client, request *fasthttp.Request) error {
	response := fasthttp.AcquireResponse()
	if err := client.Do(request, response); err != nil {
		return fiber.ErrBadGateway
	}
	c.Set("content-type", "text/event-stream")
	c.Context().SetBodyStreamWriter(func(out *bufio.Writer) {
		defer fasthttp.ReleaseResponse(response)
		body := response.BodyStream()
		piece := make([]byte, 16<<10)
		for {
			n, err := body.Read(piece)
			if n > 0 {
				if _, failed := out.Write(piece[:n]); failed != nil || out.Flush() != nil {
					return
				}
			}
			if err == io.EOF || err != nil {
				return
			}
		}
	})
	return nil
}
