# frozen_string_literal: true

# Checks docs/sealing-vectors.json: ruby clients/ruby/vectors_test.rb

require_relative 'sealing'

VECTORS = JSON.parse(File.read(File.join(__dir__, '../../docs/sealing-vectors.json')))

def bytes(hex)
  [hex].pack('H*')
end

def sealed_of(sealed)
  {
    version: sealed['version'], key_id: sealed['key_id'], issued_at: sealed['issued_at'],
    nonce: bytes(sealed['nonce']), ciphertext: bytes(sealed['ciphertext']), salt: bytes(sealed['salt'] || ''),
    sequence: sealed['sequence'] || 0, last: sealed['last'] || false
  }
end

def sealer(vector, key_id)
  Sealing::Sealer.new(key_id: key_id, secret: bytes(vector['secret']), user: vector['user'])
end

def read(vector, messages)
  opener = sealer(vector, vector['key_id']).opener(vector['method'], bytes(vector['request_nonce']))
  plaintexts = messages.map { |message| opener.open(sealed_of(message)) }
  opener.finish
  plaintexts
end

failures = []
VECTORS['requests'].each do |vector|
  wanted = sealed_of(vector['sealed']).slice(:version, :key_id, :issued_at, :nonce, :ciphertext)
  made, = sealer(vector, wanted[:key_id])
          .seal(vector['method'], bytes(vector['plaintext']), issued_at: wanted[:issued_at], nonce: wanted[:nonce])
  failures << "request #{vector['name']}" unless made == wanted
end
VECTORS['replies'].each do |vector|
  messages = vector['messages'].map { |message| message['sealed'] }
  wanted = vector['messages'].map { |message| bytes(message['plaintext']) }
  failures << "reply #{vector['name']}" unless read(vector, messages) == wanted
end
VECTORS['invalid_replies'].each do |vector|
  read(vector, vector['messages'])
  failures << "taken: #{vector['name']}"
rescue Sealing::SealError
  next
end

VECTORS['padding'].each do |vector|
  next unless vector.values_at('form', 'padding') == %w[json pow2]

  failures << 'padding' unless Sealing.pad(bytes(vector['plaintext'])) == bytes(vector['padded'])
end

abort failures.join("\n") unless failures.empty?
puts %w[requests replies invalid_replies].map { |kind| "#{VECTORS[kind].length} #{kind}" }.join(', ')
