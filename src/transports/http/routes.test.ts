import { describe, expect, test } from 'vitest';
import { ChatService } from '../../../gen/es/llmbridge/v1/chat_service_pb.ts';
import { HealthService } from '../../../gen/es/llmbridge/v1/health_service_pb.ts';
import {
  GetModelRequestSchema,
  ListModelsRequestSchema,
  ModelService,
} from '../../../gen/es/llmbridge/v1/model_service_pb.ts';
import { Fault } from '../../kernel/fault.ts';
import { rpc } from '../../kernel/method.ts';
import { requestOf } from './query.ts';
import { createRoutes, type Match } from './routes.ts';

const idle = async () => {};
const rpcs = [...ChatService.methods, ...ModelService.methods, ...HealthService.methods].map((desc) => rpc(desc, idle));
const table = createRoutes(rpcs);

const brief = (match: Match) =>
  match === undefined ? undefined : 'allow' in match ? match.allow : [match.route.rpc.desc.name, match.variables];

describe('the routes of the contract', () => {
  test.each<[string, string, unknown]>([
    ['POST', '/v1/chat/completions', ['ChatCompletion', {}]],
    ['GET', '/v1/chat/completions', ['POST']],
    ['POST', '/v1/chat/completions/', undefined],
    ['GET', '/v1/models', ['ListModels', {}]],
    ['HEAD', '/v1/models', ['ListModels', {}]],
    ['DELETE', '/v1/models', ['GET', 'HEAD']],
    ['GET', '/v1/models/gpt-4o', ['GetModel', { id: 'gpt-4o' }]],
    ['GET', '/v1/models/openrouter/anthropic/claude', ['GetModel', { id: 'openrouter/anthropic/claude' }]],
    ['GET', '/v1/models/a%2Fb%20c%3Ad', ['GetModel', { id: 'a/b c:d' }]],
    ['POST', '/v1/models/x', ['GET', 'HEAD']],
    ['GET', '/v1/models/', undefined],
    ['GET', '/health', ['CheckHealth', {}]],
    ['GET', '/health/ready', ['CheckHealth', { probe: 'ready' }]],
    ['GET', '/health/ready/x', undefined],
    ['GET', '/', undefined],
    ['GET', '*', undefined],
    ['GET', '/v1/modelsx', undefined],
  ])('%s %s', (verb, path, expected) => {
    expect(brief(table.match(verb, path))).toEqual(expected);
  });

  test('the streamed form of a method is found by its name', () => {
    const match = table.match('POST', '/v1/chat/completions');
    expect(match !== undefined && 'route' in match && match.route.stream?.desc.name).toBe('StreamChatCompletion');
  });

  test("broken percent-encoding is the caller's fault", () => {
    expect(() => table.match('GET', '/v1/models/%zz')).toThrow(Fault);
  });

  test('two methods for one route do not start', () => {
    expect(() => createRoutes([...rpcs, rpc(ModelService.method.listModels, idle)])).toThrow(
      'GET /v1/models is a route of both ModelService.ListModels and ModelService.ListModels',
    );
  });
});

describe('a request of path and query', () => {
  test('takes what the message has, and leaves the rest alone', () => {
    expect(requestOf(ListModelsRequestSchema, {}, 'provider=a+b%26&limit=3&&=')).toMatchObject({ provider: 'a b&' });
    expect(requestOf(GetModelRequestSchema, { id: 'x' }, 'id=y')).toMatchObject({ id: 'x' });
  });

  test('refuses broken percent-encoding', () => {
    expect(() => requestOf(ListModelsRequestSchema, {}, 'provider=%')).toThrow('provider');
  });
});
