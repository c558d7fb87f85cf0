import type { ProviderSettings } from '../../kernel/adapter.ts';
import { joined } from '../shared/leftovers.ts';

/** A name as a segment of a path; a version after "@" stays as it is written. */
const segment = (name: string): string => encodeURIComponent(name).replaceAll('%40', '@');

/** Where a publisher's model stands in the instance's project and location. */
export function modelPath(settings: ProviderSettings, version: string, publisher: string, model: string): string {
  const { project, location } = settings.options;
  const place = `projects/${segment(String(project))}/locations/${segment(String(location))}`;
  return `${settings.basePath}/${version}/${place}/publishers/${publisher}/models/${segment(model)}`;
}

/** The headers of a call. Without an access token the credentials are left to a stage of their own. */
export const headersOf = (
  settings: ProviderSettings,
  accessToken: string,
  stream: boolean,
): Readonly<Record<string, string>> => ({
  'content-type': 'application/json',
  accept: stream ? 'text/event-stream' : 'application/json',
  ...(accessToken !== '' && { authorization: `Bearer ${accessToken}` }),
  ...settings.headers,
});

type Extra = { [provider: string]: string };

/** Parameters for Vertex AI are the dialect's that it is asked in. */
export const extraFor = (dialect: string, extra: Extra): Extra => {
  const own = extra['vertex'] ?? '';
  return own === '' ? extra : { ...extra, [dialect]: joined(extra[dialect] ?? '', own) };
};
