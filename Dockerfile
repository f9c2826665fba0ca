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
# A container's network is not the machine's own: a node starts once WALSHIP_ANONYMOUS=admin is given as well, as in compose.yml.
ENV WALSHIP_DATA=/data WALSHIP_LISTEN=0.0.0.0:7401
VOLUME /data
EXPOSE 7401
# In bash alone, which speaks TCP: starting Node would cost 0.2 s of CPU every 5 s.
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7401 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r -t 4 -u 3 _ status _ && [ \"$status\" = 200 ]"]
ENTRYPOINT ["walship"]
CMD ["serve"]
