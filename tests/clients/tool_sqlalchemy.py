"""Tables of SQLAlchemy's ORM, rows, a query into JSON, and what reflection says. Argument: the URL."""

import datetime
import decimal
import enum
import sys
import uuid

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class State(enum.Enum):
    new = 1
    paid = 2


class Customer(Base):
    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80))
    key: Mapped[uuid.UUID] = mapped_column(default=uuid.UUID(int=7))
    active: Mapped[bool] = mapped_column(server_default=sa.true())
    profile: Mapped[dict] = mapped_column(sa.JSON)
    tags: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))


class Order(Base):
    __tablename__ = "order"
    __table_args__ = (sa.Index("by_city", sa.text("(doc ->> 'city')")),)
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id"))
    state: Mapped[State]
    amount: Mapped[decimal.Decimal] = mapped_column(sa.Numeric(12, 2))
    at: Mapped[datetime.datetime] = mapped_column(sa.DateTime(timezone=True))
    raw: Mapped[bytes]
    doc: Mapped[dict] = mapped_column(JSONB)


AT = datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc)

engine = sa.create_engine(sys.argv[1])
Base.metadata.create_all(engine)
with Session(engine) as session:
    for number in range(3):
        profile = {"n": number, "list": [1, None]}
        session.add(Customer(id=number, name=f"naïve ☃ {number}", profile=profile, tags=["a", "b"]))
    session.flush()
    for number in range(20):
        session.add(
            Order(
                customer_id=number % 3,
                state=State.paid,
                amount=decimal.Decimal(number) / 4,
                at=AT + datetime.timedelta(hours=number),
                raw=bytes([0, number, 255]),
                doc={"city": f"c{number}"},
            )
        )
    session.commit()
    by_number = sa.select(Customer.name).where(Customer.profile["n"].as_integer() > 0)
    print(session.scalars(by_number.order_by(Customer.id)).all())
    by_city = sa.select(Order.id, Order.state, Order.amount, Order.raw)
    print(session.execute(by_city.where(Order.doc["city"].astext == "c7")).all())
    upper = sa.update(Customer).where(Customer.key == uuid.UUID(int=7), Customer.active)
    print(session.execute(upper.values(name=sa.func.upper(Customer.name))).rowcount)
    paid = sa.delete(Order).where(Order.state == State.paid, Order.id > 5)
    print(session.execute(paid).rowcount)
    session.commit()
inspector = sa.inspect(engine)
for table in ("customer", "order"):
    for column in inspector.get_columns(table):
        # An enum is VARCHAR through the proxy, as AWS DMS makes it.
        if column["name"] != "state":
            print(table, column["name"], column["type"], column["nullable"])
