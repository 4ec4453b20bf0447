# Two images, made of the trees that container/build.sh makes; docs/runners.md says how to use them.
#
#   docker build --target worker -t arrayrecord-worker .      Beam's Go worker, for --sdk_container_image
#   docker build --target commands -t arrayrecord .           arrayrecord and arrayrecord-beam

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY . .
RUN container/install.sh
RUN container/build.sh /out

FROM scratch AS worker
COPY --from=build /out/worker /
ENTRYPOINT ["/opt/apache/beam/boot"]

FROM scratch AS commands
COPY --from=build /out/commands /
ENTRYPOINT ["/usr/bin/arrayrecord-beam"]
