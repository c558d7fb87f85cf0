// Package sealing is a caller's side of docs/sealing.md, on the standard library alone: it seals requests, and opens their
// replies. Transport does so for the OpenAI-shaped surface; the package grpcsealing has interceptors for gRPC.
package sealing

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

const (
	version       = 1
	request  byte = 1
	reply    byte = 2
	keySize       = 32
	saltSize      = 16
	nonceLen      = 12
)

// ErrReply is what every error of a reply wraps that is not what the gateway sealed for this request: it was changed, cut,
// reordered, or not sealed at all.
var ErrReply = errors.New("the reply is not what the gateway sealed")

// Sealed is a sealed message, with the fields of llmbridge.v1.SealedPayload.
type Sealed struct {
	Version    uint32
	KeyID      string
	IssuedAt   uint32 // Unix seconds
	Nonce      []byte
	Ciphertext []byte
	Salt       []byte
	Sequence   uint32
	Last       bool
}

// Sealer seals requests under one secret. It may be used by many goroutines at once.
type Sealer struct {
	// Padded hides the lengths of requests, by filling them up to the next power of two. It is to be set before the first.
	Padded bool

	keyID, user string
	secret      []byte
	requests    cipher.AEAD
}

// NewSealer makes a sealer of a secret of 32 bytes that the gateway has under keyID. The user is whom the gateway takes this
// caller for by its credential; empty for an anonymous one.
func NewSealer(keyID string, secret []byte, user string) (*Sealer, error) {
	if len(secret) != keySize {
		return nil, fmt.Errorf("a sealing secret has %d bytes, not %d", keySize, len(secret))
	}
	if len(keyID) > math.MaxUint16 || len(user) > math.MaxUint16 {
		return nil, errors.New("a text of a seal has at most 65,535 bytes")
	}
	requests, err := aead(secret, nil, "request")
	if err != nil {
		return nil, err
	}
	return &Sealer{keyID: keyID, user: user, secret: bytes.Clone(secret), requests: requests}, nil
}

// Seal seals one request to a method; the opener is for its reply alone. Each call draws a nonce of its own: seal anew to
// try again.
func (s *Sealer) Seal(method string, plaintext []byte) (*Sealed, *Opener) {
	nonce := make([]byte, nonceLen)
	// It never fails: crypto/rand ends the program rather than return an error.
	_, _ = rand.Read(nonce)
	return s.sealAt(method, plaintext, uint32(time.Now().Unix()), nonce)
}

func (s *Sealer) sealAt(method string, plaintext []byte, issuedAt uint32, nonce []byte) (*Sealed, *Opener) {
	if s.Padded {
		plaintext = pad(plaintext, method == surface)
	}
	additional := header(request, method, s.keyID, issuedAt, s.user)
	sealed := &Sealed{
		Version:    version,
		KeyID:      s.keyID,
		IssuedAt:   issuedAt,
		Nonce:      nonce,
		Ciphertext: s.requests.Seal(nil, nonce, plaintext, additional),
	}
	return sealed, s.opener(method, nonce)
}

func (s *Sealer) opener(method string, requestNonce []byte) *Opener {
	return &Opener{sealer: s, method: method, requestNonce: requestNonce}
}

// Opener opens the messages of one reply, in their order.
type Opener struct {
	sealer        *Sealer
	method        string
	requestNonce  []byte
	key           cipher.AEAD
	next          uint32
	whole, broken bool
}

// Open gives the next message's plaintext; nil stands for a message in the clear, and is refused.
func (o *Opener) Open(message *Sealed) ([]byte, error) {
	if why := o.misplaced(message); why != "" {
		return nil, o.refuse(why)
	}
	if o.key == nil {
		key, err := aead(o.sealer.secret, append(bytes.Clone(o.requestNonce), message.Salt...), "reply")
		if err != nil {
			return nil, err
		}
		o.key = key
	}
	additional := header(reply, o.method, o.sealer.keyID, message.IssuedAt, o.sealer.user)
	additional = binary.BigEndian.AppendUint32(additional, message.Sequence)
	if message.Last {
		additional = append(additional, 1)
	} else {
		additional = append(additional, 0)
	}
	plaintext, err := o.key.Open(nil, message.Nonce, message.Ciphertext, additional)
	if err != nil {
		return nil, o.refuse("a message does not verify")
	}
	o.next++
	o.whole = message.Last
	return plaintext, nil
}

// misplaced says what is wrong with a message before it is opened; empty for nothing.
func (o *Opener) misplaced(message *Sealed) string {
	switch {
	case message == nil:
		return "a message is in the clear"
	case o.broken:
		return "a message follows one that did not verify"
	case o.whole:
		return "a message follows the last one"
	case message.Version != version || message.KeyID != o.sealer.keyID:
		return "a message has another version or key"
	case message.Sequence != o.next:
		return "a message is out of its place"
	case !bytes.Equal(message.Nonce, binary.BigEndian.AppendUint32(make([]byte, nonceLen-4), o.next)):
		return "a message has another nonce"
	case o.next == 0 && len(message.Salt) != saltSize || o.next > 0 && len(message.Salt) > 0:
		return "a salt has the wrong length"
	}
	return ""
}

// OpenWhole opens a reply that is one message.
func (o *Opener) OpenWhole(message *Sealed) ([]byte, error) {
	plaintext, err := o.Open(message)
	if err != nil {
		return nil, err
	}
	return plaintext, o.End()
}

// End is to be called where no more messages come: an error unless the last one came.
func (o *Opener) End() error {
	if !o.whole {
		return o.refuse("it was cut")
	}
	return nil
}

func (o *Opener) refuse(why string) error {
	o.broken = true
	return fmt.Errorf("%w: %s", ErrReply, why)
}

func header(direction byte, method, keyID string, issuedAt uint32, user string) []byte {
	text := appendText([]byte{version, direction}, method)
	text = appendText(text, keyID)
	text = binary.BigEndian.AppendUint32(text, issuedAt)
	return appendText(text, user)
}

func appendText(to []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint16(to, uint16(len(text))), text...)
}

func aead(secret, salt []byte, info string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, salt, info, keySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
