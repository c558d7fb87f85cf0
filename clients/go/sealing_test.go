package sealing

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/bits"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
)

// raw is bytes that stand as hex.
type raw []byte

func (r *raw) UnmarshalText(text []byte) error {
	read, err := hex.DecodeString(string(text))
	*r = read
	return err
}

type sealedVector struct {
	Version    uint32 `json:"version"`
	KeyID      string `json:"key_id"`
	IssuedAt   uint32 `json:"issued_at"`
	Nonce      raw    `json:"nonce"`
	Ciphertext raw    `json:"ciphertext"`
	Salt       raw    `json:"salt"`
	Sequence   uint32 `json:"sequence"`
	Last       bool   `json:"last"`
}

func (v sealedVector) sealed() *Sealed {
	return &Sealed{v.Version, v.KeyID, v.IssuedAt, v.Nonce, v.Ciphertext, v.Salt, v.Sequence, v.Last}
}

type given struct {
	Name         string `json:"name"`
	Secret       raw    `json:"secret"`
	KeyID        string `json:"key_id"`
	Method       string `json:"method"`
	User         string `json:"user"`
	RequestNonce raw    `json:"request_nonce"`
}

type vectors struct {
	Requests []struct {
		given
		Plaintext raw          `json:"plaintext"`
		Sealed    sealedVector `json:"sealed"`
	} `json:"requests"`
	Replies []struct {
		given
		Messages []struct {
			Plaintext raw          `json:"plaintext"`
			Sealed    sealedVector `json:"sealed"`
		} `json:"messages"`
	} `json:"replies"`
	Padding []struct {
		Form      string          `json:"form"`
		Padding   json.RawMessage `json:"padding"`
		Plaintext raw             `json:"plaintext"`
		Padded    raw             `json:"padded"`
	} `json:"padding"`
	InvalidReplies []struct {
		given
		Messages []sealedVector `json:"messages"`
	} `json:"invalid_replies"`
}

func load(t *testing.T) (all vectors) {
	text, err := os.ReadFile("../../docs/sealing-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Requests) == 0 || len(all.Replies) == 0 || len(all.InvalidReplies) == 0 {
		t.Fatal("no vectors")
	}
	return all
}

func sealer(t *testing.T, keyID string, g given) *Sealer {
	made, err := NewSealer(keyID, g.Secret, g.User)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestRequests(t *testing.T) {
	for _, each := range load(t).Requests {
		t.Run(each.Name, func(t *testing.T) {
			want := each.Sealed.sealed()
			got, _ := sealer(t, want.KeyID, each.given).sealAt(each.Method, each.Plaintext, want.IssuedAt, want.Nonce)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestPadding(t *testing.T) {
	for _, each := range load(t).Padding {
		if string(each.Padding) != `"pow2"` {
			continue
		}
		if got := pad(each.Plaintext, each.Form == "json"); string(got) != string(each.Padded) {
			t.Errorf("%s of %d bytes: %x", each.Form, len(each.Plaintext), got)
		}
	}
	for length := range 700 {
		if padded := pad(make([]byte, length), false); bits.OnesCount(uint(len(padded))) != 1 {
			t.Errorf("%d bytes became %d", length, len(padded))
		}
	}
	sealer := sealer(t, "k1", given{Secret: make([]byte, keySize)})
	sealer.Padded = true
	if sealed, _ := sealer.Seal(surface, []byte("{}")); len(sealed.Ciphertext) != 64+16 {
		t.Errorf("%d bytes", len(sealed.Ciphertext))
	}
}

func TestNonces(t *testing.T) {
	sealer := sealer(t, "k1", given{Secret: make([]byte, keySize)})
	one, _ := sealer.Seal("m", nil)
	two, _ := sealer.Seal("m", nil)
	if reflect.DeepEqual(one.Nonce, two.Nonce) {
		t.Error("a nonce was used twice")
	}
	if _, err := NewSealer("k1", make([]byte, keySize-1), ""); err == nil {
		t.Error("a secret of 31 bytes was taken")
	}
}

type recorder struct{ body string }

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	r.body = string(body)
	return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody}, err
}

func TestWrongAddresses(t *testing.T) {
	sealer, err := NewSealer("k1", make([]byte, 32), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v1/chat/completions", "/chat/completions", "/v1/chat/completions/"} {
		through := &recorder{}
		client := http.Client{Transport: &Transport{Sealer: sealer, Through: through}}
		response, err := client.Post("http://gateway"+path, "application/json", strings.NewReader(`{"model":"m"}`))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if !strings.HasPrefix(through.body, `{"sealed":`) {
			t.Errorf("%s: sent %s", path, through.body)
		}
	}
}

func TestReplies(t *testing.T) {
	for _, each := range load(t).Replies {
		t.Run(each.Name, func(t *testing.T) {
			opener := sealer(t, each.KeyID, each.given).opener(each.Method, each.RequestNonce)
			for i, message := range each.Messages {
				got, err := opener.Open(message.Sealed.sealed())
				if err != nil || string(got) != string(message.Plaintext) {
					t.Errorf("message %d: %x, %v", i, got, err)
				}
			}
			if err := opener.End(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestInvalidReplies(t *testing.T) {
	for _, each := range load(t).InvalidReplies {
		t.Run(each.Name, func(t *testing.T) {
			opener := sealer(t, each.KeyID, each.given).opener(each.Method, each.RequestNonce)
			var err error
			for _, message := range each.Messages {
				if _, err = opener.Open(message.sealed()); err != nil {
					break
				}
			}
			if err == nil {
				err = opener.End()
			}
			if !errors.Is(err, ErrReply) {
				t.Errorf("it was taken: %v", err)
			}
		})
	}
}
