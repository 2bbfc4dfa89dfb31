-- The grid of what ought to exist: every indicator of every plan version in every year begun, with what stops it
-- from having a value, if anything does (semantics.md, Status of a value).

with

indicators as (
    select * from {{ ref('stg_plan_indicators') }}
),

years as (
    select * from {{ ref('int_reporting_years') }}
),

needs as (
    select
        indicators.plan_version,
        indicators.indicator_id,
        population_datasets.dataset
    from indicators
    inner join {{ ref('population_datasets') }} as population_datasets
        on indicators.population = population_datasets.population
    union distinct
    select
        indicators.plan_version,
        indicators.indicator_id,
        rule_datasets.dataset
    from indicators
    inner join {{ ref('rule_datasets') }} as rule_datasets on indicators.rule = rule_datasets.rule
    union distinct
    select
        plan_version,
        indicator_id,
        source as dataset
    from indicators
),

missing as (
    select distinct
        needs.plan_version,
        needs.indicator_id
    from needs
    inner join {{ ref('int_dataset_deliveries') }} as deliveries on needs.dataset = deliveries.dataset
    where not deliveries.is_delivered
),

payment_limits as (
    select * from {{ ref('int_payment_limits') }}
)

select
    years.reporting_year,
    years.year_start,
    years.report_due_on,
    years.cut_off,
    years.submission_cut_off,
    years.as_of,
    years.is_final,
    indicators.plan_version,
    indicators.indicator_id,
    indicators.action,
    indicators.section,
    indicators.unit,
    indicators.population,
    indicators.rule,
    indicators.request_part,
    indicators.wording,
    case
        when missing.indicator_id is not null then 'not_computable'
        when indicators.rule = 'paid_in_time' and payment_limits.limit_on is null then 'not_computable'
        when indicators.rule = 'paid_in_time' and years.cut_off < payment_limits.limit_on then 'not_yet_due'
    end as obstacle
from indicators
cross join years
left join missing
    on
        indicators.plan_version = missing.plan_version
        and indicators.indicator_id = missing.indicator_id
left join payment_limits on years.reporting_year = payment_limits.reporting_year
