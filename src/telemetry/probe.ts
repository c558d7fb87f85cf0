/** Whether a method is asked every few seconds for ever, by orchestrators and load balancers. */
export const isProbe = (method: string): boolean =>
  method.startsWith('/grpc.health.v1.Health/') || method.startsWith('/llmbridge.v1.HealthService/');
