# Builds with BuildKit and with the legacy builder of Docker 20.10.
# Where this base image cannot be pulled, test/compose/base-image.sh makes one like it.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production
COPY package.json LICENSE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY drills ./drills
# A named volume takes over the owner of the directory that it is mounted on. The lock of a data
# directory is taken with flock(1): without it no node would start, so its absence fails the build.
RUN chmod 755 dist/cli/main.js \
  && ln -s /app/dist/cli/main.js /usr/local/bin/walship \
  && mkdir /data && chown node:node /data \
  && flock --version
USER node
ENV WALSHIP_DATA=/data WALSHIP_LISTEN=0.0.0.0:7401
VOLUME /data
EXPOSE 7401
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7401/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["walship"]
CMD ["serve"]
