import {
  create,
  type DescFile,
  type DescService,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import { nestedTypes } from '@bufbuild/protobuf/reflect';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { file_google_rpc_error_details } from '../../../gen/es/google/rpc/error_details_pb.ts';
import {
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from '../../../gen/es/grpc/reflection/v1/reflection_pb.ts';
import {
  ServerReflection as AlphaReflection,
  type ServerReflectionRequest as AlphaRequest,
  ServerReflectionRequestSchema as AlphaRequestSchema,
  type ServerReflectionResponse as AlphaResponse,
  ServerReflectionResponseSchema as AlphaResponseSchema,
} from '../../../gen/es/grpc/reflection/v1alpha/reflection_pb.ts';
import { Code } from '../../kernel/fault.ts';
import { pathOf } from '../paths.ts';
import type { Mount } from './lane.ts';

/** Paths of the reflection methods, both versions. */
export const reflectionPaths: readonly string[] = [ServerReflection, AlphaReflection].map(({ method }) =>
  pathOf(method.serverReflectionInfo),
);

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse']>;

/**
 * grpc.reflection v1 and v1alpha over the descriptors of `services` and of all that they import, and of the details
 * of their errors, which no message names.
 */
export function reflectionMount(services: Iterable<DescService>): Mount {
  const answer = createAnswer([...services, ServerReflection, AlphaReflection]);
  const respond = (request: ServerReflectionRequest): ServerReflectionResponse =>
    create(ServerReflectionResponseSchema, {
      validHost: request.host,
      originalRequest: request,
      messageResponse: answer(request.messageRequest),
    });

  async function* current(requests: AsyncIterable<ServerReflectionRequest>): AsyncGenerator<ServerReflectionResponse> {
    for await (const request of requests) yield respond(request);
  }
  // The older version has the same messages under another package: the same bytes.
  async function* alpha(requests: AsyncIterable<AlphaRequest>): AsyncGenerator<AlphaResponse> {
    for await (const request of requests) {
      const response = respond(fromBinary(ServerReflectionRequestSchema, toBinary(AlphaRequestSchema, request)));
      yield fromBinary(AlphaResponseSchema, toBinary(ServerReflectionResponseSchema, response));
    }
  }
  return {
    services: [ServerReflection, AlphaReflection],
    routes(router) {
      router.rpc(ServerReflection.method.serverReflectionInfo, current);
      router.rpc(AlphaReflection.method.serverReflectionInfo, alpha);
    },
  };
}

function createAnswer(services: readonly DescService[]) {
  const files = new Map<string, DescFile>();
  const symbols = new Map<string, DescFile>();
  for (const file of [...services.map((service) => service.file), file_google_rpc_error_details]) {
    collect(file, files, symbols);
  }

  return (request: ServerReflectionRequest['messageRequest']): Answer => {
    switch (request.case) {
      case 'listServices':
        return {
          case: 'listServicesResponse',
          value: { service: services.map(({ typeName }) => ({ name: typeName })) },
        };
      case 'fileByFilename':
        return fileAnswer(files.get(request.value));
      case 'fileContainingSymbol':
        return fileAnswer(symbols.get(request.value));
      case 'allExtensionNumbersOfType':
        if (!symbols.has(request.value)) return notFound;
        return { case: 'allExtensionNumbersResponse', value: { baseTypeName: request.value } };
      case 'fileContainingExtension':
        return notFound;
      default:
        return { case: 'errorResponse', value: { errorCode: Code.INVALID_ARGUMENT, errorMessage: 'no request' } };
    }
  };
}

const notFound: Answer = { case: 'errorResponse', value: { errorCode: Code.NOT_FOUND, errorMessage: 'not found' } };

/** A file comes with all that it imports, so that clients need not ask for each. */
function fileAnswer(file: DescFile | undefined): Answer {
  if (file === undefined) return notFound;
  const closure = new Map<string, DescFile>();
  collect(file, closure);
  const fileDescriptorProto = [...closure.values()].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function collect(file: DescFile, files: Map<string, DescFile>, symbols?: Map<string, DescFile>): void {
  if (files.has(file.proto.name)) return;
  files.set(file.proto.name, file);
  for (const type of symbols === undefined ? [] : nestedTypes(file)) {
    symbols?.set(type.typeName, file);
    if (type.kind === 'service') for (const { name } of type.methods) symbols?.set(`${type.typeName}.${name}`, file);
  }
  for (const dependency of file.dependencies) collect(dependency, files, symbols);
}
