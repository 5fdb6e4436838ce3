# syntax=docker/dockerfile:1.22.0@sha256:4a43a54dd1fedceb30ba47e76cfcf2b47304f4161c0caeac2db1c61804ea3c91

# Go's image; set it to a mirror where Docker Hub is out of reach. The digest is the same there.
ARG GO_IMAGE=golang:1.26.7@sha256:e30143be198ab04cf7ba25fba83ab3a692ca584c994aad0bf131fa0eb32dd8c1

FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
WORKDIR /src
# Go's module proxy, for the same reason.
ARG GOPROXY=https://proxy.golang.org,direct
# Go of the version that go.mod names, whatever the image has: it comes from the module proxy, and its checksum is verified.
ENV CGO_ENABLED=0 GOTOOLCHAIN=auto
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/certyun .

FROM scratch
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="certyun" \
      org.opencontainers.image.description="A cert-manager DNS-01 solver for Alibaba Cloud DNS and Tencent Cloud DNSPod" \
      org.opencontainers.image.source="https://github.com/certyun/certyun" \
      org.opencontainers.image.documentation="https://github.com/certyun/certyun#readme" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/LICENSE /licenses/LICENSE
COPY --from=build /out/certyun /certyun
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/certyun"]
