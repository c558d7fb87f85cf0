import { type DescMessage, type Message, toJsonString } from '@bufbuild/protobuf';
import { type CheckHealthResponse, CheckHealthResponseSchema } from '../../../gen/es/llmbridge/v1/health_service_pb.ts';
import {
  type ListModelsResponse,
  ListModelsResponseSchema,
  type Model,
  ModelSchema,
} from '../../../gen/es/llmbridge/v1/model_service_pb.ts';
import { healthJson, healthStatus } from './health-json.ts';
import { modelJson, modelsJson } from './models-json.ts';
import type { Route } from './routes.ts';

/** Writes one kind of answer that is asked for without a body. */
export interface AnswerCodec {
  text(message: Message): string;
  status(message: Message): number;
}

const ok = () => 200;

const codecs: ReadonlyMap<string, AnswerCodec> = new Map([
  [
    CheckHealthResponseSchema.typeName,
    {
      text: (message: Message) => healthJson(message as CheckHealthResponse),
      status: (message: Message) => healthStatus(message as CheckHealthResponse),
    },
  ],
  [
    ListModelsResponseSchema.typeName,
    { text: (message: Message) => modelsJson(message as ListModelsResponse), status: ok },
  ],
  [ModelSchema.typeName, { text: (message: Message) => modelJson(message as Model), status: ok }],
]);

/** The codec of a route's answer, or of the field of it that is sent; proto JSON for messages that have no other. */
export function answerCodec({ rpc, responseField }: Route): AnswerCodec {
  if (responseField === undefined) return codecOf(rpc.desc.output);
  const inner = responseField.message;
  if (inner === undefined) throw new Error(`${responseField.name} is no message`);
  const codec = codecOf(inner);
  const unwrap = (message: Message): Message =>
    (message as unknown as Readonly<Record<string, Message>>)[responseField.localName] ?? message;
  return { text: (message) => codec.text(unwrap(message)), status: (message) => codec.status(unwrap(message)) };
}

const codecOf = (desc: DescMessage): AnswerCodec =>
  codecs.get(desc.typeName) ?? {
    text: (message) => toJsonString(desc, message, { useProtoFieldName: true }),
    status: ok,
  };
