import type { OfferedTool } from '../query.ts';
import { isSchema, type Json, objectIn, objectsIn, textIn } from './request-body.ts';

/** Tools as OpenAI's chat completions write them, where others took that over: functions alone. */
export const functionTools = (body: Json): OfferedTool[] =>
  objectsIn(body, 'tools').map((tool) => {
    const described = objectIn(tool, 'function');
    const { parameters } = described;
    return { name: textIn(described, 'name'), schema: isSchema(parameters) ? parameters : { type: 'object' } };
  });
