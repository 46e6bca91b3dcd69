"""The store on PostgreSQL: several replicas of the queue on one database, durable before it answers."""

from __future__ import annotations

from services.queue.stores.postgres.store import PostgresStore as PostgresStore
