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
import { createModelCatalog, type ModelCatalog, type ModelCatalogOptions } from './model-catalog.ts';

export type ModelServiceOptions = ModelCatalogOptions;

/** The models that a caller may ask for, each under a name that the caller may use. */
function visible({ models, aliases }: ModelCatalog, { models: allowed }: Principal): readonly Model[] {
  if (allowed === undefined) return models;
  const bare = [...aliases.values()].filter(({ id, ownedBy }) => allowed.has(id) && !allowed.has(`${ownedBy}/${id}`));
  return [...models.filter(({ id }) => allowed.has(id)), ...bare];
}

/** ModelService: what can be asked for, from the routes and providers of the configuration. */
export function createModelRpcs(options: ModelServiceOptions): Rpc[] {
  const catalog = createModelCatalog(options);

  return [
    rpc<ListModelsRequest, ListModelsResponse>(ModelService.method.listModels, async (call, { provider }, reply) => {
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
      const model = catalog.find(id);
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
