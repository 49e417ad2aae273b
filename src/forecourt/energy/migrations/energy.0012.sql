-- What the stations of a site were told is listed in order.
-- depends: energy.0010

CREATE INDEX charging_orders_in_order ON charging_orders (site_id, order_id);
