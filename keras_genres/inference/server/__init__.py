"""The model as an HTTP service: `keras-genres serve`, on FastAPI and uvicorn."""
