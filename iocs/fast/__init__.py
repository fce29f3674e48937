"""The hot path over caproto's asyncio server."""
