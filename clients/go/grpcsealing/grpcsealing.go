// Package grpcsealing has interceptors for grpc-go that seal chat calls and open their answers, whatever made the stubs:
//
//	grpc.NewClient(target,
//		grpc.WithUnaryInterceptor(grpcsealing.Unary(sealer)),
//		grpc.WithStreamInterceptor(grpcsealing.Stream(sealer)))
//
// They belong last in a chain, so that the others see messages in the clear. An answer that is not what the gateway sealed
// is an error of codes.DataLoss.
package grpcsealing

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"llmbridge.test/sealing"
)

const (
	unaryMethod  = "/llmbridge.v1.ChatService/ChatCompletion"
	streamMethod = "/llmbridge.v1.ChatService/StreamChatCompletion"
)

// Unary seals calls of ChatCompletion; others pass as they are.
func Unary(sealer *sealing.Sealer) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		if method != unaryMethod {
			return invoke(ctx, method, request, reply, connection, options...)
		}
		sealed, opener, err := seal(sealer, method, request)
		if err != nil {
			return err
		}
		answer := fresh(reply)
		if err := invoke(ctx, method, sealed, answer, connection, options...); err != nil {
			return err
		}
		plaintext, err := opener.OpenWhole(sealedOf(answer))
		if err != nil {
			return status.Error(codes.DataLoss, err.Error())
		}
		return unmarshal(plaintext, reply)
	}
}

// Stream seals calls of StreamChatCompletion; others pass as they are.
func Stream(sealer *sealing.Sealer) grpc.StreamClientInterceptor {
	return func(ctx context.Context, description *grpc.StreamDesc, connection *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
		stream, err := open(ctx, description, connection, method, options...)
		if err != nil || method != streamMethod {
			return stream, err
		}
		return &sealedStream{ClientStream: stream, sealer: sealer}, nil
	}
}

type sealedStream struct {
	grpc.ClientStream
	sealer *sealing.Sealer
	opener *sealing.Opener
}

// SendMsg sends the one request, sealed.
func (s *sealedStream) SendMsg(message any) error {
	sealed, opener, err := seal(s.sealer, streamMethod, message)
	if err != nil {
		return err
	}
	s.opener = opener
	return s.ClientStream.SendMsg(sealed)
}

// RecvMsg receives the next message, opened; io.EOF only where the last one came.
func (s *sealedStream) RecvMsg(message any) error {
	if s.opener == nil {
		return status.Error(codes.Internal, "no request was sent")
	}
	for {
		answer := fresh(message)
		err := s.ClientStream.RecvMsg(answer)
		if errors.Is(err, io.EOF) {
			if cut := s.opener.End(); cut != nil {
				return status.Error(codes.DataLoss, cut.Error())
			}
		}
		if err != nil {
			return err
		}
		plaintext, err := s.opener.Open(sealedOf(answer))
		if err != nil {
			return status.Error(codes.DataLoss, err.Error())
		}
		// The end mark is a message of its own, with nothing in it.
		if len(plaintext) > 0 {
			return unmarshal(plaintext, message)
		}
	}
}

func seal(sealer *sealing.Sealer, method string, request any) (proto.Message, *sealing.Opener, error) {
	message := request.(proto.Message)
	plaintext, err := proto.Marshal(message)
	if err != nil {
		return nil, nil, status.Error(codes.Internal, err.Error())
	}
	sealed, opener := sealer.Seal(method, plaintext)
	return around(sealed, message), opener, nil
}

func unmarshal(plaintext []byte, into any) error {
	if err := proto.Unmarshal(plaintext, into.(proto.Message)); err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	return nil
}

// fresh is an empty message of the same kind.
func fresh(like any) proto.Message {
	return like.(proto.Message).ProtoReflect().New().Interface()
}

func sealedField(message protoreflect.Message) protoreflect.FieldDescriptor {
	return message.Descriptor().Fields().ByName("sealed")
}

// around is a message of the same kind with nothing but its sealed form.
func around(sealed *sealing.Sealed, like proto.Message) proto.Message {
	message := like.ProtoReflect().New()
	payload := message.Mutable(sealedField(message)).Message()
	fields := payload.Descriptor().Fields()
	for name, value := range map[protoreflect.Name]any{
		"version":    sealed.Version,
		"key_id":     sealed.KeyID,
		"issued_at":  sealed.IssuedAt,
		"nonce":      sealed.Nonce,
		"ciphertext": sealed.Ciphertext,
	} {
		payload.Set(fields.ByName(name), protoreflect.ValueOf(value))
	}
	return message.Interface()
}

// sealedOf is the sealed form of a message; nil for one in the clear.
func sealedOf(reply proto.Message) *sealing.Sealed {
	message := reply.ProtoReflect()
	if !message.Has(sealedField(message)) {
		return nil
	}
	payload := message.Get(sealedField(message)).Message()
	get := func(name protoreflect.Name) protoreflect.Value {
		return payload.Get(payload.Descriptor().Fields().ByName(name))
	}
	return &sealing.Sealed{
		Version:    uint32(get("version").Uint()),
		KeyID:      get("key_id").String(),
		IssuedAt:   uint32(get("issued_at").Uint()),
		Nonce:      get("nonce").Bytes(),
		Ciphertext: get("ciphertext").Bytes(),
		Salt:       get("salt").Bytes(),
		Sequence:   uint32(get("sequence").Uint()),
		Last:       get("last").Bool(),
	}
}
