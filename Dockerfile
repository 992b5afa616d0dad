# bearerd, in two stages: the first has pip and the build backend, the second has neither.
ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
COPY requirements-build.txt requirements-image.txt ./
RUN python -m venv /build \
 && /build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.txt \
 && python -m venv --without-pip /opt/bearerd \
 && /build/bin/pip --python /opt/bearerd/bin/python install --no-cache-dir --require-hashes -r requirements-image.txt
COPY pyproject.toml README.md LICENSE ./
COPY proxy proxy
COPY config/providers config/providers
RUN /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist . \
 && /build/bin/pip --python /opt/bearerd/bin/python install --no-cache-dir --no-deps /dist/*.whl

FROM ${BASE}
# Nothing here installs anything any more, nor can whoever gets in.
RUN find / -xdev \( -path /proc -o -path /sys -o -path /opt \) -prune -o \
      \( -type d \( -name ensurepip -o -name python-wheels -o -path '*-packages/pip' -o -path '*-packages/pip-*' \
         -o -path '*-packages/setuptools*' \) -o -path '*/bin/pip*' \) -prune -exec rm -rf {} +
COPY --from=build /opt/bearerd /opt/bearerd
ENV PATH=/opt/bearerd/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /etc/bearerd
USER 65532:65532
EXPOSE 6750 6751
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["bearerd", "healthcheck"]
ENTRYPOINT ["bearerd"]
CMD ["run"]
