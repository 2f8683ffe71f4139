# The light install with the API: no torch. Built by `docker build -t numeye .`
FROM python:3.12-slim

# ONNX Runtime reports to nobody, whatever imports it first.
ENV ORT_DISABLE_TELEMETRY=1

RUN useradd --create-home --uid 10001 numeye
WORKDIR /home/numeye/source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src ./src
COPY docs ./docs
RUN pip install --no-cache-dir '.[serve,pdf]' && rm -rf /home/numeye/source/*

USER numeye
WORKDIR /home/numeye
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["numeye"]
CMD ["serve", "--host", "0.0.0.0"]
