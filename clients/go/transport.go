package sealing

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const surface = "/v1/chat/completions"

// Transport is a http.RoundTripper that seals chat requests to the OpenAI-shaped surface and opens their answers, whole or
// streamed; other requests pass as they are. Bodies of answers that are not what the gateway sealed end in ErrReply.
type Transport struct {
	Sealer *Sealer
	// Through sends the sealed requests; http.DefaultTransport where it is nil.
	Through http.RoundTripper
}

// isChat is true whatever stands before the path's end: what goes to a wrong address must not go there in the clear.
func isChat(path string) bool {
	return strings.HasSuffix(strings.TrimRight(path, "/"), "/chat/completions")
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	through := t.Through
	if through == nil {
		through = http.DefaultTransport
	}
	if request.Method != http.MethodPost || !isChat(request.URL.Path) || request.Body == nil {
		return through.RoundTrip(request)
	}
	plaintext, err := io.ReadAll(request.Body)
	if closed := request.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	sealed, opener := t.Sealer.Seal(surface, plaintext)
	body, err := json.Marshal(envelope{Sealed: formOf(sealed)})
	if err != nil {
		return nil, err
	}
	outer := request.Clone(request.Context())
	outer.Header.Set("Content-Type", "application/json")
	outer.Body = io.NopCloser(bytes.NewReader(body))
	outer.GetBody = nil
	outer.ContentLength = int64(len(body))
	response, err := through.RoundTrip(outer)
	if err != nil {
		return nil, err
	}
	response.Header.Del("Content-Length")
	response.ContentLength = -1
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		response.Body = &events{body: response.Body, lines: bufio.NewReader(response.Body), opener: opener}
		return response, nil
	}
	opened, err := openWhole(response, opener)
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(opened))
	response.ContentLength = int64(len(opened))
	return response, nil
}

func openWhole(response *http.Response, opener *Opener) ([]byte, error) {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	failed := response.StatusCode >= http.StatusBadRequest
	message, err := parseSealed(body)
	if err != nil {
		return nil, err
	}
	// What failed before the request was opened is told in the clear, by nobody that could be known.
	if message == nil && failed {
		return body, nil
	}
	opened, err := opener.OpenWhole(message)
	if err != nil {
		return nil, err
	}
	var inner struct {
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(opened, &inner); err != nil {
		return nil, err
	}
	// The status is in the clear; what is sealed says whether it's true.
	if failed != (inner.Error != nil) {
		return nil, opener.refuse("the status is not that of the sealed answer")
	}
	return opened, nil
}

// events reads the events of an answer, opened.
type events struct {
	body   io.ReadCloser
	lines  *bufio.Reader
	opener *Opener
	ready  []byte
	err    error
}

func (e *events) Read(into []byte) (int, error) {
	for len(e.ready) == 0 && e.err == nil {
		line, err := e.lines.ReadString('\n')
		e.err = err
		if failed := e.take(strings.TrimRight(line, "\r\n")); failed != nil {
			e.err = failed
		} else if errors.Is(err, io.EOF) {
			if cut := e.opener.End(); cut != nil {
				e.err = cut
			}
		}
	}
	count := copy(into, e.ready)
	e.ready = e.ready[count:]
	if count > 0 {
		return count, nil
	}
	return 0, e.err
}

func (e *events) take(line string) error {
	if strings.HasPrefix(line, ":") {
		e.ready = []byte(line + "\n\n")
		return nil
	}
	data, found := strings.CutPrefix(line, "data:")
	if !found {
		return nil
	}
	data = strings.TrimSpace(data)
	// It is in the clear: that the answer is whole, the last mark has said before.
	if data == "[DONE]" {
		e.ready = []byte("data: [DONE]\n\n")
		return e.opener.End()
	}
	message, err := parseSealed([]byte(data))
	if err != nil {
		return err
	}
	opened, err := e.opener.Open(message)
	if err != nil || len(opened) == 0 {
		return err
	}
	e.ready = fmt.Appendf(nil, "data: %s\n\n", opened)
	return nil
}

// Close implements io.Closer.
func (e *events) Close() error { return e.body.Close() }

// envelope is `{"sealed": ...}`.
type envelope struct {
	Sealed *form `json:"sealed"`
}

// form is a sealed message in JSON, its bytes in base64url.
type form struct {
	Version    uint32 `json:"version"`
	KeyID      string `json:"key_id"`
	IssuedAt   uint32 `json:"issued_at"`
	Nonce      string `json:"nonce"`
	Ciphertext string `json:"ciphertext"`
	Salt       string `json:"salt,omitempty"`
	Sequence   uint32 `json:"sequence,omitempty"`
	Last       bool   `json:"last,omitempty"`
}

func formOf(sealed *Sealed) *form {
	return &form{
		Version:    sealed.Version,
		KeyID:      sealed.KeyID,
		IssuedAt:   sealed.IssuedAt,
		Nonce:      base64.RawURLEncoding.EncodeToString(sealed.Nonce),
		Ciphertext: base64.RawURLEncoding.EncodeToString(sealed.Ciphertext),
	}
}

// parseSealed reads what stands under `sealed` in a JSON text; nil where nothing does.
func parseSealed(text []byte) (*Sealed, error) {
	var body envelope
	if err := json.Unmarshal(text, &body); err != nil {
		if body.Sealed == nil {
			return nil, nil
		}
		return nil, fmt.Errorf("%w: a message has another form", ErrReply)
	}
	if body.Sealed == nil {
		return nil, nil
	}
	sealed := &Sealed{
		Version:  body.Sealed.Version,
		KeyID:    body.Sealed.KeyID,
		IssuedAt: body.Sealed.IssuedAt,
		Sequence: body.Sealed.Sequence,
		Last:     body.Sealed.Last,
	}
	for _, field := range []struct {
		to   *[]byte
		text string
	}{{&sealed.Nonce, body.Sealed.Nonce}, {&sealed.Ciphertext, body.Sealed.Ciphertext}, {&sealed.Salt, body.Sealed.Salt}} {
		read, err := base64.RawURLEncoding.DecodeString(field.text)
		if err != nil {
			return nil, fmt.Errorf("%w: a message has another form", ErrReply)
		}
		*field.to = read
	}
	return sealed, nil
}
