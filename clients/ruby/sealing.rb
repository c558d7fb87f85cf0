# frozen_string_literal: true

# A caller's side of docs/sealing.md for the OpenAI-shaped surface, on Ruby's standard library alone.

require 'json'
require 'net/http'
require 'openssl'
require 'securerandom'
require 'uri'

module Sealing
  # A reply that is not what the gateway sealed for this request: changed, cut, reordered, or not sealed at all.
  class SealError < StandardError; end

  # What the gateway told instead of an answer. `code` is that of its JSON error.
  class CallError < StandardError
    attr_reader :status, :code

    def initialize(status, error)
      super(error['message'].to_s)
      @status = status
      @code = error['code']
    end
  end

  VERSION = 1
  REQUEST = 1
  REPLY = 2
  TAG_BYTES = 16

  module_function

  def aad(direction, method, key_id, issued_at, user)
    texts = [method, key_id, user].map { |text| [text.bytesize].pack('n') + text.b }
    [VERSION, direction].pack('CC') + texts[0] + texts[1] + [issued_at].pack('N') + texts[2]
  end

  def derive(secret, salt, info)
    OpenSSL::KDF.hkdf(secret, salt: salt, info: info, length: 32, hash: 'SHA256')
  end

  # Spaces behind JSON, up to the next power of two, 64 bytes at least.
  def pad(json)
    json.b.ljust([64, 1 << (json.bytesize - 1).bit_length].max)
  end

  # Seals requests under one secret of 32 bytes; `user` is whom the gateway takes this caller for. `padded` hides the lengths
  # of requests.
  class Sealer
    def initialize(key_id:, secret:, user: '', padded: false)
      raise ArgumentError, 'a sealing secret has 32 bytes' unless secret.bytesize == 32

      @key_id = key_id
      @secret = secret
      @user = user
      @padded = padded
      @request_key = Sealing.derive(secret, '', 'request')
    end

    # A sealed request and what opens its reply. Time and nonce are given by test vectors alone.
    def seal(method, plaintext, issued_at: Time.now.to_i, nonce: SecureRandom.random_bytes(12))
      plaintext = Sealing.pad(plaintext) if @padded
      cipher = OpenSSL::Cipher.new('aes-256-gcm').encrypt
      cipher.key = @request_key
      cipher.iv = nonce
      cipher.auth_data = Sealing.aad(REQUEST, method, @key_id, issued_at, @user)
      # OpenSSL takes no empty string.
      ciphertext = (plaintext.empty? ? ''.b : cipher.update(plaintext)) + cipher.final + cipher.auth_tag(TAG_BYTES)
      sealed = { version: VERSION, key_id: @key_id, issued_at: issued_at, nonce: nonce, ciphertext: ciphertext }
      [sealed, opener(method, nonce)]
    end

    def opener(method, request_nonce)
      ReplyOpener.new(@secret, @key_id, @user, method, request_nonce)
    end
  end

  # Opens the messages of one reply, in their order.
  class ReplyOpener
    def initialize(secret, key_id, user, method, request_nonce)
      @secret = secret
      @key_id = key_id
      @user = user
      @method = method
      @request_nonce = request_nonce
      @next = 0
      @whole = false
      @broken = false
    end

    # The next message's plaintext. `message` is a hash with the fields of SealedPayload; nil is one in the clear, and refused.
    def open(message)
      refuse('a reply in the clear') if message.nil?
      refuse('a message after one that did not verify') if @broken
      refuse('a message after the last one') if @whole
      refuse('a message of another version or key') unless message.values_at(:version, :key_id) == [VERSION, @key_id]
      refuse('a message out of its place') unless message[:sequence] == @next
      refuse('another nonce') unless message[:nonce] == [0, 0, @next].pack('NNN')
      refuse('a salt of the wrong length') unless message[:salt].bytesize == (@next.zero? ? 16 : 0)
      @key ||= Sealing.derive(@secret, @request_nonce + message[:salt], 'reply')
      plaintext = decrypt(message)
      @next += 1
      @whole = message[:last]
      plaintext
    end

    # To be called where no more messages come: an error unless the last one came.
    def finish
      refuse('the reply was cut') unless @whole
    end

    private

    def decrypt(message)
      ciphertext = message[:ciphertext]
      refuse('a message that does not verify') if ciphertext.bytesize < TAG_BYTES
      cipher = OpenSSL::Cipher.new('aes-256-gcm').decrypt
      cipher.key = @key
      cipher.iv = message[:nonce]
      cipher.auth_tag = ciphertext[-TAG_BYTES..]
      cipher.auth_data = Sealing.aad(REPLY, @method, @key_id, message[:issued_at], @user) +
                         [message[:sequence], message[:last] ? 1 : 0].pack('NC')
      body = ciphertext[0...-TAG_BYTES]
      (body.empty? ? ''.b : cipher.update(body)) + cipher.final
    rescue OpenSSL::Cipher::CipherError
      refuse('a message that does not verify')
    end

    def refuse(what)
      @broken = true
      raise SealError, what
    end
  end

  # Chat over the OpenAI-shaped surface of one gateway.
  class Client
    METHOD = '/v1/chat/completions'

    def initialize(url, sealer, api_key: nil)
      @uri = URI("#{url}#{METHOD}")
      @sealer = sealer
      @api_key = api_key
    end

    # The answer to a request, as OpenAI's chat completion; with a block, each chunk of it as it comes.
    def chat(request, &each_chunk)
      body = JSON.generate(each_chunk ? request.merge('stream' => true) : request)
      sealed, reply = @sealer.seal(METHOD, body)
      post = Net::HTTP::Post.new(@uri, 'content-type' => 'application/json')
      post['x-api-key'] = @api_key if @api_key
      post.body = JSON.generate('sealed' => to_json_form(sealed))
      Net::HTTP.start(@uri.host, @uri.port, use_ssl: @uri.scheme == 'https') do |http|
        http.request(post) do |response|
          next read_events(response, reply, &each_chunk) if response['content-type'].to_s.start_with?('text/event-stream')

          answer = read_whole(response, reply)
          return answer unless each_chunk

          raise SealError, 'an answer in the place of a stream'
        end
      end
      nil
    end

    private

    def read_whole(response, reply)
      status = response.code.to_i
      body = parse(response.read_body)
      # What failed before the request was opened is told in the clear, by nobody that could be known.
      raise CallError.new(status, body['error'] || {}) if status >= 400 && !body.key?('sealed')

      answer = JSON.parse(reply.open(from_json_form(body['sealed'])))
      reply.finish
      raise CallError.new(status, answer['error']) if answer['error']
      # The status is in the clear; what is sealed says whether it's true.
      raise SealError, 'the status is not that of the sealed answer' if status >= 400

      answer
    end

    def read_events(response, reply)
      each_line(response) do |line|
        next unless line.start_with?('data:')

        data = line.delete_prefix('data:').strip
        # It is in the clear: that the answer is whole, the last mark has said before.
        next if data == '[DONE]'

        plaintext = reply.open(from_json_form(parse(data)['sealed']))
        next if plaintext.empty?

        chunk = JSON.parse(plaintext)
        raise CallError.new(response.code.to_i, chunk['error']) if chunk['error']

        yield chunk
      end
      reply.finish
    end

    def each_line(response, &block)
      rest = +''.b
      response.read_body do |piece|
        rest << piece
        while (line = rest.slice!(/\A[^\n]*\n/n))
          block.call(line.chomp)
        end
      end
      block.call(rest) unless rest.empty?
    end

    def parse(text)
      body = JSON.parse(text)
      body.is_a?(Hash) ? body : {}
    rescue JSON::ParserError
      {}
    end

    def to_json_form(sealed)
      sealed.merge(nonce: base64url(sealed[:nonce]), ciphertext: base64url(sealed[:ciphertext]))
    end

    def from_json_form(sealed)
      return nil unless sealed.is_a?(Hash)

      bytes = %w[nonce ciphertext salt].to_h { |name| [name.to_sym, from_base64url(sealed[name].to_s)] }
      counts = %w[version issued_at sequence].to_h { |name| [name.to_sym, Integer(sealed[name] || 0)] }
      { key_id: sealed['key_id'].to_s, last: sealed['last'] == true, **bytes, **counts }
    rescue ArgumentError, TypeError
      raise SealError, 'a sealed message of another form'
    end

    # By pack, for the base64 library left Ruby's standard library with 3.4.
    def base64url(bytes)
      [bytes].pack('m0').tr('+/', '-_').delete('=')
    end

    def from_base64url(text)
      base64 = text.tr('-_', '+/')
      (base64 + '=' * (-base64.length % 4)).unpack1('m0')
    end
  end
end
