# frozen_string_literal: true

# Sealed calls in Ruby:
#
#   SEALING_KEY_ID=k1 SEALING_SECRET=... API_KEY=... SEALING_USER=alice \
#     ruby clients/ruby/example.rb http|http-stream http://127.0.0.1:8080 MODEL "Hello"
#
# SEALING_SECRET is base64; SEALING_USER is whom the gateway takes the caller with this API_KEY for.

require_relative 'sealing'

surface, url, model, content = ARGV
sealer = Sealing::Sealer.new(
  key_id: ENV.fetch('SEALING_KEY_ID'),
  secret: ENV.fetch('SEALING_SECRET').unpack1('m'),
  user: ENV.fetch('SEALING_USER', '')
)
client = Sealing::Client.new(url, sealer, api_key: ENV['API_KEY'])
request = { 'model' => model, 'messages' => [{ 'role' => 'user', 'content' => content }] }

begin
  if surface == 'http-stream'
    client.chat(request) { |chunk| print chunk.dig('choices', 0, 'delta', 'content') }
    puts
  else
    puts client.chat(request).dig('choices', 0, 'message', 'content')
  end
rescue Sealing::SealError, Sealing::CallError => e
  abort e.message
end
