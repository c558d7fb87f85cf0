import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterEach, describe, expect, it } from 'vitest';
import { ServerReflection, type ServerReflectionResponse } from '../../../gen/es/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as Alpha } from '../../../gen/es/grpc/reflection/v1alpha/reflection_pb.ts';
import { chat } from '../../../test/support/chat.ts';
import { openPort, type Port } from '../../../test/support/port.ts';

let port: Port;
afterEach(() => port.server.close());

type Question = { case: 'listServices' | 'fileByFilename' | 'fileContainingSymbol'; value: string };

describe.each([
  ['v1', ServerReflection],
  ['v1alpha', Alpha],
])('%s', (_name, service) => {
  async function ask(...questions: Question[]): Promise<ServerReflectionResponse['messageResponse'][]> {
    port = await openPort(chat({}));
    const client = createClient(service as typeof ServerReflection, createGrpcTransport({ baseUrl: port.url }));
    const requests = async function* () {
      for (const messageRequest of questions) yield { messageRequest };
    };
    const answers: ServerReflectionResponse['messageResponse'][] = [];
    for await (const { messageResponse } of client.serverReflectionInfo(requests())) answers.push(messageResponse);
    return answers;
  }

  it('lists the services', async () => {
    const [answer] = await ask({ case: 'listServices', value: '' });
    const names = answer?.case === 'listServicesResponse' ? answer.value.service.map(({ name }) => name) : [];
    expect(names.sort()).toEqual([
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
      'llmbridge.v1.ChatService',
    ]);
  });

  it.each<Question>([
    { case: 'fileContainingSymbol', value: 'llmbridge.v1.ChatService' },
    { case: 'fileContainingSymbol', value: 'llmbridge.v1.ChatService.ChatCompletion' },
    { case: 'fileContainingSymbol', value: 'llmbridge.v1.ChatCompletionRequest' },
    { case: 'fileByFilename', value: 'llmbridge/v1/chat_service.proto' },
  ])('gives the file of $value and all that it imports', async (question) => {
    const [answer] = await ask(question);
    const files = answer?.case === 'fileDescriptorResponse' ? answer.value.fileDescriptorProto : [];
    const protos = files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    expect(protos[0]?.name).toBe('llmbridge/v1/chat_service.proto');
    const names = new Set(protos.map(({ name }) => name));
    for (const { dependency } of protos) for (const name of dependency) expect(names).toContain(name);
  });

  it("knows the types of an error's details", async () => {
    const [answer] = await ask({ case: 'fileContainingSymbol', value: 'google.rpc.ErrorInfo' });
    expect(answer?.case).toBe('fileDescriptorResponse');
  });

  it('answers what it does not know, and goes on', async () => {
    const answers = await ask(
      { case: 'fileContainingSymbol', value: 'no.Such' },
      { case: 'fileByFilename', value: 'no/such.proto' },
      { case: 'listServices', value: '' },
    );
    expect(answers.map((answer) => answer.case)).toEqual(['errorResponse', 'errorResponse', 'listServicesResponse']);
    expect(answers[0]).toMatchObject({ value: { errorCode: 5 } });
  });

  it('is not there when it is switched off', async () => {
    port = await openPort(chat({}), { reflection: false });
    const client = createClient(service as typeof ServerReflection, createGrpcTransport({ baseUrl: port.url }));
    const none = (async function* () {})();
    const asked = client.serverReflectionInfo(none)[Symbol.asyncIterator]().next();
    await expect(asked.catch((thrown: unknown) => ConnectError.from(thrown))).resolves.toMatchObject({
      code: Code.Unimplemented,
    });
  });
});
