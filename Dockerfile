# The worker of iterable-elt, or any other of its commands:
#   docker build --tag iterable-elt .
#   docker run --rm --read-only --tmpfs /tmp --volume elt:/var/lib/iterable-elt \
#     --volume "$PWD/config.json:/etc/iterable-elt/config.json:ro" iterable-elt sync
# Everything that is written goes to /var/lib/iterable-elt: a DuckDB warehouse belongs there too ("path":
# "/var/lib/iterable-elt/warehouse.duckdb"). docs/docker-compose.yml has the worker with a Postgres warehouse.
ARG NODE=24

FROM node:${NODE}-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:${NODE}-bookworm-slim
COPY --from=build /build/package.json /build/config.schema.json /opt/iterable-elt/
COPY --from=build /build/dist /opt/iterable-elt/dist
COPY --from=build /build/migrations /opt/iterable-elt/migrations
COPY --from=build /build/sql /opt/iterable-elt/sql
COPY --from=build /build/assets /opt/iterable-elt/assets
COPY --from=build /build/node_modules /opt/iterable-elt/node_modules
RUN ln -s /opt/iterable-elt/dist/cli/main.js /usr/local/bin/iterable-elt \
  && install --directory --owner=1000 --group=1000 --mode=0700 /var/lib/iterable-elt \
  && install --directory /etc/iterable-elt
ENV NODE_ENV=production \
  ITERABLE_ELT_CONFIG=/etc/iterable-elt/config.json \
  TMPDIR=/var/lib/iterable-elt
VOLUME /var/lib/iterable-elt
WORKDIR /var/lib/iterable-elt
# By its number: Kubernetes can see that it is not root.
USER 1000:1000
EXPOSE 9464
# Of the worker; other commands end before it is asked.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9464/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["iterable-elt"]
CMD ["worker", "--health-port", "9464", "--health-host", "0.0.0.0", "--grace", "60"]
