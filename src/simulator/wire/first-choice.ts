import type { Answer, SimulatedChoice } from '../answer.ts';
import type { Query } from '../query.ts';

/** The only answer, in dialects that give one. */
export function firstChoice({ choices }: Answer): SimulatedChoice {
  const [choice] = choices;
  if (choice === undefined) throw new Error('an answer without a choice');
  return choice;
}

/** The pieces of reasoning as they are told: none where it is left out. */
export const thoughtPieces = ({ reasoning }: SimulatedChoice, query: Query): readonly string[] =>
  query.showReasoning ? reasoning : [];

/** The reasoning as it is told. */
export const thoughtOf = (choice: SimulatedChoice, query: Query): string => thoughtPieces(choice, query).join('');
