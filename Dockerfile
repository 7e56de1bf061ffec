# One image for every part of the server; docker-compose.yml says which part a container is.
FROM python:3.13-slim AS packages
COPY requirements/server.txt /requirements.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r /requirements.txt

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin playhead \
    && install -d -o playhead -g playhead /var/lib/playhead
COPY --from=packages /venv /venv
WORKDIR /app
COPY alembic.ini ./
COPY core core
COPY db db
COPY migrations migrations
COPY services services
COPY workers workers
# A decoder's process is started for each segment, and writes no bytecode itself.
RUN /venv/bin/python -m compileall -q core db services workers
ENV PATH="/venv/bin:$PATH" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER playhead
VOLUME /var/lib/playhead
EXPOSE 8000
CMD ["python", "-m", "services.api", "--host", "0.0.0.0", "--port", "8000"]
