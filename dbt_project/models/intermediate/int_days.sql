-- Every day of the plan, for tools that ask the semantic model (models/marts/semantic.yml); no figure rests on it.

{{ config(materialized='view') }}

with

digits as (
    select 0 as digit
    union all
    select 1 as digit
    union all
    select 2 as digit
    union all
    select 3 as digit
    union all
    select 4 as digit
    union all
    select 5 as digit
    union all
    select 6 as digit
    union all
    select 7 as digit
    union all
    select 8 as digit
    union all
    select 9 as digit
),

numbers as (
    select thousands.digit * 1000 + hundreds.digit * 100 + tens.digit * 10 + ones.digit as number
    from digits as thousands
    cross join digits as hundreds
    cross join digits as tens
    cross join digits as ones
    where thousands.digit < 2
),

days as (
    select {{ add_days("cast('2025-01-01' as date)", '(number)') }} as plan_day
    from numbers
)

select plan_day
from days
where plan_day <= cast('2029-12-31' as date)
