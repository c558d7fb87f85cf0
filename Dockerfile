# syntax=docker/dockerfile:1

FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The image has its Node.js: no install script has anything to bring.
RUN npm ci --ignore-scripts
COPY tsconfig.json rolldown.config.ts ./
COPY gen gen
COPY src src
RUN node_modules/.bin/rolldown -c && npm prune --omit=dev --ignore-scripts

FROM node:26-slim
ENV NODE_ENV=production \
    LLMBRIDGE_SERVER__HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY configs configs
COPY proto proto
# Bytecode of the start, by the user who will read it: a cache of another's is none.
RUN mkdir .cache && chown node:node .cache
USER node
RUN LLMBRIDGE_SERVER__HOST=127.0.0.1 timeout --preserve-status 5 node dist/src/main.js serve --config configs/demo.yaml
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["node", "dist/src/main.js", "health"]
ENTRYPOINT ["node", "dist/src/main.js"]
CMD ["serve"]
