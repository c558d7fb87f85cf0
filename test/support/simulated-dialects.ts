import type { ProviderAdapter } from '../../src/kernel/adapter.ts';
import type { ProviderType } from '../../src/kernel/provider.ts';
import { providerTypes } from '../../src/providers/index.ts';

type Lack =
  | 'stop'
  | 'cached'
  | 'reasoning count'
  | 'tool choice'
  | 'content filter'
  /** Nothing but the finish reason need say that a stream is whole. */
  | 'end mark'
  /** Streams prove their reasoning in a part of its own. */
  | 'equal parts';

/** A wire dialect that the simulator speaks, as a provider instance of the gateway. */
export interface SimulatedDialect {
  /** Fit for an instance's name. */
  readonly name: string;
  readonly type: ProviderType;
  /** Path behind the simulator's address. */
  readonly basePath: string;
  /** The instance's configuration beside type, address and key. */
  readonly options: Readonly<Record<string, string>>;
  /** The simulated model; a maker's name before it tells some adapters what it takes. */
  readonly model: string;
  /** What the dialect has no place for, or has elsewhere. */
  readonly lacks: readonly Lack[];
}

/** A dialect, with defaults left out; `of` names the provider type where it is not the name. */
type Row = Pick<SimulatedDialect, 'name'> & Partial<Omit<SimulatedDialect, 'type'>> & { readonly of?: string };

const rows: readonly Row[] = [
  { name: 'openai', basePath: '/v1', lacks: ['end mark'] },
  { name: 'responses', of: 'openai', basePath: '/v1', options: { api: 'responses' }, lacks: ['stop'] },
  { name: 'azure', of: 'azure-openai', options: { api_version: '2024-10-21' }, lacks: ['end mark'] },
  { name: 'anthropic' },
  { name: 'gemini', lacks: ['equal parts'] },
  { name: 'bedrock', model: 'anthropic.sim', lacks: ['reasoning count'] },
  { name: 'cohere', lacks: ['content filter'] },
  { name: 'ollama', lacks: ['cached', 'reasoning count', 'tool choice', 'content filter'] },
  { name: 'vertex', options: { project: 'p', location: 'l' }, lacks: ['equal parts'] },
  {
    name: 'vertex-claude',
    of: 'vertex',
    options: { project: 'p', location: 'l', publisher: 'anthropic' },
  },
];

/** Every dialect that the simulator speaks and that has an adapter. */
export const simulatedDialects: readonly SimulatedDialect[] = rows.flatMap((row) => {
  const type = providerTypes.find((one) => one.type === (row.of ?? row.name));
  const { name, basePath = '', options = {}, model = 'sim', lacks = [] } = row;
  return type === undefined ? [] : [{ name, type, basePath, options, model, lacks }];
});

/** The adapter of an instance of the dialect. */
export const adapterFor = ({ name, type, basePath, options }: SimulatedDialect): ProviderAdapter =>
  type.adapter({ name, basePath, headers: {}, options });
