-- Reports that count for their reporting year: submitted by its submission cut-off (semantics.md, Time). One row for
-- each report of a year of the plan that has begun.

with

reports as (
    select * from {{ ref('stg_article7_reports') }}
),

years as (
    select * from {{ ref('int_reporting_years') }}
)

select
    reports.reporting_year,
    reports.report_id,
    reports.iso3,
    reports.submitted_on,
    reports.uses_guide,
    reports.has_implementation_update,
    row_number() over (
        partition by reports.reporting_year, reports.iso3
        order by reports.submitted_on desc, reports.report_id desc
    ) = 1 as is_latest
from reports
inner join years
    on
        reports.reporting_year = years.reporting_year
        and reports.submitted_on <= years.submission_cut_off
