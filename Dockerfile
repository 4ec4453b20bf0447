# Two images, made of the trees that container/build.sh makes; docs/runners.md says how to use them.
#
#   docker build --target worker -t arrayrecord-worker .      Beam's Go worker, for --sdk_container_image
#   docker build --target commands -t arrayrecord .           arrayrecord and arrayrecord-beam

FROM golang:1.26-bookworm AS build
WORKDIR /src
# What changes seldom comes first: packages and modules are kept when sources change.
COPY scripts/install-deps.sh scripts/
COPY container/install.sh container/
RUN container/install.sh
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN container/build.sh /out

FROM scratch AS worker
COPY --from=build /out/worker /
ENTRYPOINT ["/opt/apache/beam/boot"]

FROM scratch AS commands
COPY --from=build /out/commands /
ENTRYPOINT ["/usr/bin/arrayrecord-beam"]
