import type { Call } from '../kernel/call.ts';
import type { Limits, Subject } from '../kernel/rate-limiter.ts';
import { networkOf } from './network.ts';

/** Limits by the model that is asked for. */
export type ModelLimits = ReadonlyMap<string, Limits>;

/** The limits of each tier; none where a field is left out. */
export interface TierLimits {
  readonly global?: Limits;
  readonly user?: Limits;
  /** By user, in place of `user`. */
  readonly users: ReadonlyMap<string, Limits>;
  readonly ip?: Limits;
  /** Of all callers together. */
  readonly models: ModelLimits;
  /** By user. */
  readonly userModels: ReadonlyMap<string, ModelLimits>;
}

const all = ({ global, user, users, ip, models, userModels }: TierLimits): Limits[] => [
  ...[global, user, ip].filter((limits) => limits !== undefined),
  ...users.values(),
  ...models.values(),
  ...[...userModels.values()].flatMap((each) => [...each.values()]),
];

/** Whether any limit is set. */
export const limitsAnything = (limits: TierLimits): boolean => all(limits).length > 0;

/** Whether any budget is set. */
export const hasBudgets = (limits: TierLimits): boolean => all(limits).some(({ budget }) => budget !== undefined);

/** Whether any limit is of a model. */
export const hasModels = ({ models, userModels }: TierLimits): boolean => models.size > 0 || userModels.size > 0;

/** The name of one user's calls of one model; no user's has a slash in it then. */
export const userModelName = (user: string, model: string): string => `${encodeURIComponent(user)}/${model}`;

/** The first of the names that a limit is set for. */
function modelSubject(
  tier: 'model' | 'user_model',
  of: ModelLimits,
  names: readonly string[],
  nameOf: (model: string) => string,
): Subject | undefined {
  for (const name of names) {
    const limits = of.get(name);
    if (limits !== undefined) return { tier, name: nameOf(name), limits };
  }
  return undefined;
}

const plain = (model: string) => model;

/** Finds whom a call is counted for. `models` are the names of what it asks for, empty where nobody asks. */
export function createSubjects(limits: TierLimits): (call: Call, models: readonly string[]) => Subject[] {
  const everyone: Subject | undefined = limits.global && { tier: 'global', name: '', limits: limits.global };
  return ({ principal: { user }, address }, models) => {
    const subjects: Subject[] = [];
    if (everyone !== undefined) subjects.push(everyone);
    const own = user === '' ? undefined : (limits.users.get(user) ?? limits.user);
    if (own !== undefined) subjects.push({ tier: 'user', name: user, limits: own });
    if (limits.ip !== undefined) subjects.push({ tier: 'ip', name: networkOf(address), limits: limits.ip });
    if (models.length === 0) return subjects;
    const model = modelSubject('model', limits.models, models, plain);
    if (model !== undefined) subjects.push(model);
    const ofUser = user === '' ? undefined : limits.userModels.get(user);
    const both = ofUser && modelSubject('user_model', ofUser, models, (name) => userModelName(user, name));
    if (both !== undefined) subjects.push(both);
    return subjects;
  };
}
