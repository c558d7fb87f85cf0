import type { DescMethod } from '@bufbuild/protobuf';

/** A method's path in every RPC protocol: '/llmbridge.v1.ChatService/ChatCompletion'. */
export const pathOf = (desc: DescMethod): string => `/${desc.parent.typeName}/${desc.name}`;
