import { create } from '@bufbuild/protobuf';
import {
  type GetModelRequest,
  type GetModelResponse,
  GetModelResponseSchema,
  type ListModelsRequest,
  type ListModelsResponse,
  ListModelsResponseSchema,
  type Model,
  ModelService,
} from '../../gen/es/llmbridge/v1/model_service_pb.ts';
import type { Principal } from '../kernel/call.ts';
import { Fault, invalidField } from '../kernel/fault.ts';
import { type Rpc, rpc } from '../kernel/method.ts';
import { createModelCatalog, type ModelCatalog, type ModelCatalogOptions, type PriceOf } from './model-catalog.ts';

export interface ModelServiceOptions extends Omit<ModelCatalogOptions, 'priceOf'> {
  /** Called whenever somebody wants to know what there is. */
  readonly asked?: () => void;
  /** What models cost, loaded when it is first needed. */
  readonly prices?: () => Promise<PriceOf>;
}

/** The models that a caller may ask for, each under a name that the caller may use. */
function visible({ models, aliases }: ModelCatalog, { models: allowed }: Principal): readonly Model[] {
  if (allowed === undefined) return models;
  const bare = [...aliases.values()].filter(({ id, ownedBy }) => allowed.has(id) && !allowed.has(`${ownedBy}/${id}`));
  return [...models.filter(({ id }) => allowed.has(id)), ...bare];
}

/** ModelService: what can be asked for, from the routes and providers of the configuration. */
export function createModelRpcs({ providers, routes, asked, prices }: ModelServiceOptions): Rpc[] {
  let catalog: ModelCatalog | undefined;
  let madeOf = -1;
  let priceOf: PriceOf | undefined;

  /** Made anew only when a provider's list came since. */
  const current = async (): Promise<ModelCatalog> => {
    asked?.();
    priceOf ??= await prices?.();
    let version = 0;
    for (const { listing } of providers.values()) version += listing?.version ?? 0;
    if (catalog === undefined || version !== madeOf) {
      catalog = createModelCatalog({ providers, routes, ...(priceOf && { priceOf }) });
      madeOf = version;
    }
    return catalog;
  };

  return [
    rpc<ListModelsRequest, ListModelsResponse>(ModelService.method.listModels, async (call, { provider }, reply) => {
      const catalog = await current();
      if (provider !== '' && !catalog.hasProvider(provider)) {
        throw new Fault('NOT_FOUND', `no provider is named ${JSON.stringify(provider)}`, { metadata: { provider } });
      }
      const models = visible(catalog, call.principal).filter(
        ({ ownedBy, targets }) => provider === '' || (ownedBy === provider && targets.length === 1),
      );
      reply.message(create(ListModelsResponseSchema, { models }));
    }),

    rpc<GetModelRequest, GetModelResponse>(ModelService.method.getModel, async (call, { id }, reply) => {
      if (id === '') throw invalidField('id', 'is required');
      const model = (await current()).find(id);
      if (call.principal.models?.has(id) === false) {
        throw new Fault('MODEL_FORBIDDEN', `this caller may not use the model ${JSON.stringify(id)}`, {
          metadata: { model: id },
        });
      }
      call.requestedModel = id;
      reply.message(create(GetModelResponseSchema, { model }));
    }),
  ];
}
