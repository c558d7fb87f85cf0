package sealing

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// The least length of a padded plaintext; longer ones have a power of two.
const leastLength = 64

// paddingTag is that of field 1000, of bytes.
var paddingTag = []byte{0xc2, 0x3e}

// pad fills a plaintext up with what its readers pass over (docs/sealing.md, "Padding"): spaces behind JSON, a field of zero
// bytes behind a message of Protocol Buffers.
func pad(plaintext []byte, isJSON bool) []byte {
	length := leastLength
	// The shortest field has three bytes.
	for length < len(plaintext) || !isJSON && length > len(plaintext) && length-len(plaintext) < 3 {
		length *= 2
	}
	gap := length - len(plaintext)
	if isJSON {
		return slices.Concat(plaintext, bytes.Repeat([]byte{' '}, gap))
	}
	return slices.Concat(plaintext, paddingField(gap))
}

// paddingField is a field of so many bytes in all; two, where no one field has that length.
func paddingField(size int) []byte {
	if size == 0 {
		return nil
	}
	for digits := 1; digits <= binary.MaxVarintLen32; digits++ {
		length := size - len(paddingTag) - digits
		if length < 0 {
			continue
		}
		if varint := binary.AppendUvarint(nil, uint64(length)); len(varint) == digits {
			return slices.Concat(paddingTag, varint, make([]byte, length))
		}
	}
	return slices.Concat(paddingTag, []byte{0}, paddingField(size-len(paddingTag)-1))
}
