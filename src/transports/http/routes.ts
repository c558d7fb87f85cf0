import { type DescField, type DescMessage, type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { http } from '../../../gen/es/google/api/annotations_pb.ts';
import type { HttpRule } from '../../../gen/es/google/api/http_pb.ts';
import { invalidField } from '../../kernel/fault.ts';
import type { Rpc } from '../../kernel/method.ts';

/** One way to call a method over HTTP, from its `google.api.http` option. */
export interface Route {
  readonly verb: string;
  readonly template: string;
  readonly rpc: Rpc;
  /** The method that streams the same answer, `Stream` + the name; chosen by `"stream": true` in the body. */
  readonly stream: Rpc | undefined;
  /** Whether the body is the request; else path and query are. */
  readonly body: boolean;
  /** The field of the answer that is sent; undefined for the whole answer. */
  readonly responseField: DescField | undefined;
}

export type Match =
  | { readonly route: Route; readonly variables: Readonly<Record<string, string>> }
  /** The path is served, but not for this verb. */
  | { readonly allow: readonly string[] }
  /** Nothing is served there. */
  | undefined;

export interface RouteTable {
  readonly routes: readonly Route[];
  match(verb: string, path: string): Match;
}

interface Template {
  readonly segments: readonly Segment[];
  readonly routes: Map<string, Route>;
}

/** A literal; one segment (`{x}`); or all that are left (`{x=**}`). */
type Segment = string | { readonly variable: string; readonly rest: boolean };

/** Reads the routes of the methods' options. Throws at the start for a duplicate, or for an option not understood. */
export function createRoutes(rpcs: readonly Rpc[]): RouteTable {
  const routes: Route[] = [];
  const literal = new Map<string, Map<string, Route>>();
  const patterns: Template[] = [];

  for (const rpc of rpcs) {
    if (!hasOption(rpc.desc, http)) continue;
    const rule = getOption(rpc.desc, http);
    for (const each of [rule, ...rule.additionalBindings]) add(routeOf(rpc, each, streamOf(rpc.desc, rpcs)));
  }

  function add(route: Route): void {
    const segments = parseTemplate(route.template, route.rpc.desc.input);
    const path = shapeOf(segments);
    const isLiteral = segments.every((segment) => typeof segment === 'string');
    let verbs = isLiteral ? literal.get(path) : patterns.find((pattern) => shapeOf(pattern.segments) === path)?.routes;
    if (verbs === undefined) {
      verbs = new Map();
      if (isLiteral) literal.set(path, verbs);
      else patterns.push({ segments, routes: verbs });
    }
    const other = verbs.get(route.verb);
    if (other !== undefined)
      throw new Error(`${route.verb} ${route.template} is a route of both ${nameOf(other)} and ${nameOf(route)}`);
    verbs.set(route.verb, route);
    routes.push(route);
  }

  return {
    routes,
    match(verb, path) {
      const verbs = literal.get(path);
      if (verbs !== undefined) return choose(verbs, verb, {});
      for (const { segments, routes: candidates } of patterns) {
        const variables = capture(segments, path);
        if (variables !== undefined) return choose(candidates, verb, variables);
      }
      return undefined;
    },
  };
}

const nameOf = ({ rpc }: Route): string => `${rpc.desc.parent.name}.${rpc.desc.name}`;

const shapeOf = (segments: readonly Segment[]): string =>
  `/${segments.map((segment) => (typeof segment === 'string' ? segment : segment.rest ? '**' : '*')).join('/')}`;

/** HEAD is answered as GET, without the body. */
function choose(verbs: ReadonlyMap<string, Route>, verb: string, variables: Readonly<Record<string, string>>): Match {
  const route = verbs.get(verb === 'HEAD' ? 'GET' : verb);
  if (route !== undefined) return { route, variables };
  return { allow: [...verbs.keys()].flatMap((allowed) => (allowed === 'GET' ? ['GET', 'HEAD'] : [allowed])) };
}

function streamOf(desc: DescMethod, rpcs: readonly Rpc[]): Rpc | undefined {
  const name = `Stream${desc.name}`;
  return rpcs.find(
    ({ desc: other }) =>
      other.name === name && other.parent === desc.parent && other.input.typeName === desc.input.typeName,
  );
}

function routeOf(rpc: Rpc, rule: HttpRule, stream: Rpc | undefined): Route {
  const { desc } = rpc;
  const { pattern, body, responseBody } = rule;
  const refuse = (why: string): never => {
    throw new Error(`google.api.http of ${desc.parent.typeName}.${desc.name}: ${why}`);
  };
  if (pattern.case === undefined || pattern.case === 'custom') return refuse('needs a verb and a path');
  if (body !== '' && body !== '*') return refuse(`body "${body}" is not supported, only "*"`);
  if (desc.methodKind !== 'unary') return refuse('only unary methods have routes');
  const field = desc.output.fields.find(({ name }) => name === responseBody);
  if (responseBody !== '' && field?.message === undefined)
    return refuse(`"${responseBody}" is no message of the answer`);
  return {
    verb: pattern.case.toUpperCase(),
    template: pattern.value,
    rpc,
    stream,
    body: body === '*',
    responseField: responseBody === '' ? undefined : field,
  };
}

function parseTemplate(template: string, input: DescMessage): Segment[] {
  if (!template.startsWith('/')) throw new Error(`route ${template} does not begin with a slash`);
  const segments = template
    .slice(1)
    .split('/')
    .map((text): Segment => {
      const [, variable, pattern = '*'] = /^\{(\w+)(?:=(\*\*?))?\}$/.exec(text) ?? [];
      if (variable === undefined) {
        if (/[{}*]/.test(text)) throw new Error(`route ${template}: "${text}" is not understood`);
        return text;
      }
      if (!input.fields.some(({ name }) => name === variable))
        throw new Error(`route ${template}: ${input.typeName} has no field ${variable}`);
      return { variable, rest: pattern === '**' };
    });
  if (segments.slice(0, -1).some((segment) => typeof segment !== 'string' && segment.rest))
    throw new Error(`route ${template}: ** must come last`);
  return segments;
}

/** The variables of a path that fits, percent-decoded; undefined for one that does not. A variable is never empty. */
function capture(segments: readonly Segment[], path: string): Record<string, string> | undefined {
  const parts = path.slice(1).split('/');
  const variables: Record<string, string> = {};
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i];
    const part = parts[i];
    if (segment === undefined || part === undefined) return undefined;
    if (typeof segment === 'string') {
      if (segment !== part) return undefined;
    } else {
      const text = segment.rest ? parts.slice(i).join('/') : part;
      if (text === '') return undefined;
      variables[segment.variable] = decodePercent(text, segment.variable);
      if (segment.rest) return variables;
    }
  }
  return parts.length === segments.length ? variables : undefined;
}

export function decodePercent(text: string, field: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidField(field, 'is not valid percent-encoding');
  }
}
