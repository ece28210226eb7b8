"""What a look knows of the economy: the indicators of its sector, as they were published by then.

A revision is a later publication of the same period. From each publication on, until the next one of the same indicator, the newest
period that has been published counts, with its newest value: what is published at or after a look does not exist for it.
"""

RELATIONS = ("indicators", "indicators_history")
"""What is read: the values that are there at all, and every publication of them."""

TOLD = """published as (
  select sector, indicator, published_at,
    arg_max(greatest(least(value, 1e12), -1e12), {'period': period_start, 'published': published_at}) over so_far as value
  from indicators_history semi join indicators using (sector, indicator, period_start)
  window so_far as (partition by sector, indicator order by published_at)
),
economy as (
  select l.sector, l.as_of, map_from_entries(list_sort(list((l.indicator, p.value)))) as indicators
  from (
    select distinct sector, as_of, indicator from seen join (select distinct sector, indicator from published) using (sector)
  ) l asof join published p on l.sector = p.sector and l.indicator = p.indicator and l.as_of > p.published_at
  group by l.sector, l.as_of
)"""
"""SQL: relation `economy`, for each sector and instant of the looks (`seen`) its indicators."""
