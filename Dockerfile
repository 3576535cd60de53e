# Two stages: the first builds with the Swift toolchain, the second holds the daemon and the libraries it links.
FROM swift:6.3-bookworm AS build
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends libcurl4-openssl-dev libnghttp2-dev libsqlite3-dev libssl-dev \
    libsodium-dev libmimalloc-dev libyaml-dev libre2-dev zlib1g-dev pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
COPY Sources ./Sources
COPY Tests ./Tests
RUN swift build -c release --product binnacle --static-swift-stdlib \
 && install -D -s "$(swift build -c release --static-swift-stdlib --show-bin-path)/binnacle" /out/binnacle

FROM debian:bookworm-slim
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends libcurl4 libnghttp2-14 libsqlite3-0 libssl3 libsodium23 \
    libmimalloc2.0 libyaml-0-2 libre2-9 zlib1g ca-certificates curl \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin binnacle \
 && install -d -o binnacle -g binnacle -m 0700 /data
COPY --from=build /out/binnacle /usr/local/bin/binnacle
USER binnacle
VOLUME /data
EXPOSE 6443
HEALTHCHECK --interval=10s --timeout=3s --start-period=2s CMD curl -fsS http://127.0.0.1:8080/readyz || exit 1
ENTRYPOINT ["/usr/local/bin/binnacle"]
# HTTPS with a certificate of its own making, and nobody comes in without credentials; plain HTTP stays inside, for the
# health check. `binnacle kubeconfig --data-dir /data` in the container prints an administrator's kubeconfig.
CMD ["serve", "--bind-address", "0.0.0.0", "--anonymous-auth=false", "--data-dir", "/data"]
